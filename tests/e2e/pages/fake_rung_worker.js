// Stands in for the engine's worker in tests of the ladder. Every backend is computed by WASM; how each one seems to
// behave is the JSON in this script's address: {"webgpu": {"run": 3, "off": 0.1}}. `run`: milliseconds that a run is said
// to take; `off`: what its results are off by; `refuse`: why it cannot be loaded; `nan`: after how many runs its results
// are no numbers; `slow`: milliseconds that loading takes longer. A page orders losses through the channel 'fake rungs'.
import '/linnet/engine_worker.js';

const behaviours = JSON.parse(decodeURIComponent(self.location.pathname.split('/')[2]));
const answer = self.onmessage;
const post = self.postMessage.bind(self);
const orders = new BroadcastChannel('fake rungs');
let how = {};
let backend = '';
let runs = 0;
let lost = false;

const fail = (type, code, detail) => post({ type, code, detail });

self.onmessage = async (event) => {
  const { data } = event;
  if (data.type !== 'load') {
    if (data.type === 'run' || data.type === 'image') {
      runs += 1;
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
  answer.call(self, { data: { ...data, backend: 'wasm' } });
};

orders.onmessage = ({ data }) => {
  if (data.lose !== backend) return;
  lost = true;
  fail('lost', data.code ?? 'DeviceLost', 'the test took it');
};

self.postMessage = (message, transfer) => {
  if (lost) return;
  if (message.type === 'reply' && message.value.timing) {
    const { value } = message;
    if (how.run !== undefined) value.timing.run = how.run;
    for (const buffer of value.outputs) {
      const values = new Float32Array(buffer);
      if (how.off) values[0] += how.off;
      if (how.nan !== undefined && runs > how.nan) values[0] = NaN;
    }
  }
  post(message, transfer);
};
