// Stands in for the engine's worker in tests of the ladder. Every backend is computed by WASM, or with `real` by itself;
// how each one seems to behave is the JSON in this script's address: {"webgpu": {"run": 3, "off": 0.1}}. `run`:
// milliseconds that a run is said to take; `prepare`: what an image adds to that where the GPU prepares it; `off`: what
// its results are off by; `refuse`: why it cannot be loaded; `nan`: after how many runs its results are no numbers;
// `slow`: milliseconds that loading takes longer; `loseInRun`: every how many runs it is lost; `hangInRun`: after how many
// it never answers again. A page orders losses through the channel 'fake rungs'.
import '/linnet/engine_worker.js';

const behaviours = JSON.parse(decodeURIComponent(self.location.pathname.split('/')[2]));
const answer = self.onmessage;
const post = self.postMessage.bind(self);
const orders = new BroadcastChannel('fake rungs');
let how = {};
let backend = '';
let runs = 0;
let lost = false;
// What befalls the GPU of a real backend, by the error that has to come of it.
const takeAway = {};

const fail = (type, code, detail) => post({ type, code, detail });

self.onmessage = async (event) => {
  const { data } = event;
  if (data.type !== 'load') {
    if (data.type === 'run' || data.type === 'image') {
      runs += 1;
      if (how.hangInRun && runs >= how.hangInRun) return;
      // A lost device never answers.
      if (how.loseInRun && runs % how.loseInRun === 0) {
        lost = true;
        return fail('lost', 'DeviceLost', 'lost in a run');
      }
    }
    return answer.call(self, event);
  }
  backend = data.backend;
  how = behaviours[backend] ?? {};
  orders.postMessage({ loading: backend });
  if (how.slow) await new Promise((resolve) => setTimeout(resolve, how.slow));
  if (how.refuse) return fail('error', 'GpuFailed', how.refuse);
  if (how.real) watchGpu();
  answer.call(self, { data: how.real ? data : { ...data, backend: 'wasm' } });
};

// Has a GPU do as told the next time that it is given work.
function watchGpu() {
  let spoil = null;
  const spoiled = (prototype, name, kinds) => {
    const call = prototype[name];
    prototype[name] = function (...given) {
      const how = spoil;
      spoil = null;
      return how ? kinds[how].call(this, () => call.apply(this, given), given) : call.apply(this, given);
    };
    for (const kind of Object.keys(kinds)) takeAway[kind] = () => (spoil = kind);
  };
  if (backend === 'webgpu') {
    let device;
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...given) {
      device = await requestDevice.apply(this, given);
      takeAway.DeviceLost = () => device.destroy();
      return device;
    };
    spoiled(GPUQueue.prototype, 'submit', {
      // None of what is submitted with an invalid command buffer is done.
      GpuFailed(call, given) {
        const encoder = device.createCommandEncoder();
        encoder.pushDebugGroup('never closed');
        given[0] = [...given[0], encoder.finish()];
        call();
      },
      OutOfMemory(call) {
        device.createBuffer({ size: device.limits.maxBufferSize, usage: GPUBufferUsage.STORAGE });
        call();
      },
    });
  } else {
    const { getContext } = OffscreenCanvas.prototype;
    OffscreenCanvas.prototype.getContext = function (kind, ...given) {
      const context = getContext.call(this, kind, ...given);
      takeAway.DeviceLost = () => context.getExtension('WEBGL_lose_context').loseContext();
      return context;
    };
    let error = 0;
    const { prototype } = WebGL2RenderingContext;
    const { getError } = prototype;
    prototype.getError = function () {
      const reported = error || getError.call(this);
      error = 0;
      return reported;
    };
    // Nothing is drawn either way.
    spoiled(prototype, 'drawArrays', {
      GpuFailed(call, given) {
        given[0] = 99;
        call();
      },
      OutOfMemory() {
        error = this.OUT_OF_MEMORY;
      },
    });
  }
}

orders.onmessage = ({ data }) => {
  if (data.lose !== backend) return;
  if (how.real) return takeAway[data.code ?? 'DeviceLost']?.();
  lost = true;
  fail('lost', data.code ?? 'DeviceLost', 'the test took it');
};

self.postMessage = (message, transfer) => {
  if (lost) return;
  if (message.type === 'reply' && message.value.timing) {
    const { value } = message;
    if (how.run !== undefined) value.timing.run = how.run + (value.timing.preparedOn === 'gpu' ? (how.prepare ?? 0) : 0);
    for (const buffer of value.outputs) {
      const values = new Float32Array(buffer);
      if (how.off) values[0] += how.off;
      if (how.nan !== undefined && runs > how.nan) values[0] = NaN;
    }
  }
  post(message, transfer);
};
