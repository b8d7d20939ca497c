// A worker of the page's own that runs models in its own thread.
import { loadModel } from '/linnet/linnet.js';

globalThis.onmessage = async ({ data: { url, input, options } }) => {
  const model = await loadModel(url, { ...options, worker: false });
  let outputs = await model.run(input);
  const before = await model.heap();
  for (let i = 0; i < 10; ++i) outputs = await model.run(input, { recycle: outputs });
  const after = await model.heap();
  const { threads, variant, backend } = model;
  await model.dispose();
  const output = Object.values(outputs)[0];
  globalThis.postMessage({ output, threads, variant, backend, allocations: after.allocations - before.allocations });
};
