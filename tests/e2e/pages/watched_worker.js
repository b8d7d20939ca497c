// The engine's worker, watched. A page orders things through the channel 'watched worker', and is answered when they are
// done: `trap`: the engine of that number, from 0, traps in whatever it is asked next; `lose`: the GPU is taken away, and
// nobody is told; `report`: nothing. The answer says how many ports of models have been opened here and closed, how many models
// have been told of a lost GPU, and how many of its objects are alive.
import '/watched_gpu.js';
import '/linnet/engine_worker.js';

const engines = [];
const ports = { opened: 0, closed: 0 };
let told = 0;

// (module (func (export "trap") unreachable))
const trapping = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 116, 114, 97, 112, 0, 0, 10, 5, 1, 3, 0, 0, 11];
const { trap } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(trapping))).exports;

const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...given) => {
  const { exports } = await instantiate(...given);
  if (!exports.session_run) return { exports };
  const engine = { traps: false };
  engines.push(engine);
  const guarded = (call) => (...values) => (engine.traps ? trap() : call(...values));
  const entries = Object.entries(exports).map(([name, each]) => [name, typeof each === 'function' ? guarded(each) : each]);
  return { exports: Object.fromEntries(entries) };
};

function watchPosts(target) {
  const post = target.postMessage;
  target.postMessage = function (message, ...more) {
    if (message.type !== 'lost') return post.call(this, message, ...more);
    told += 1;
  };
}
watchPosts(self);
watchPosts(MessagePort.prototype);

const { close } = MessagePort.prototype;
MessagePort.prototype.close = function () {
  ports.closed += 1;
  close.call(this);
};

const answer = self.onmessage;
self.onmessage = (event) => {
  if (event.data.type === 'beside') ports.opened += 1;
  answer.call(self, event);
};

const orders = new BroadcastChannel('watched worker');
orders.onmessage = async ({ data: { number, trap: engine, lose } }) => {
  if (engine !== undefined) engines[engine].traps = true;
  if (lose === 'webgpu') {
    gpu.device.destroy();
    await gpu.device.lost;
  } else if (lose) {
    const gone = new Promise((resolve) => gpu.gl.canvas.addEventListener('webglcontextlost', resolve));
    gpu.gl.getExtension('WEBGL_lose_context').loseContext();
    await gone;
  }
  // What hears of the loss after this does so before the next task.
  setTimeout(() => orders.postMessage({ number, ports, told, alive: gpu.alive.size }));
};
