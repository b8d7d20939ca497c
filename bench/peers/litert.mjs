// LiteRT.js on its WebAssembly accelerator (XNNPACK): the build with threads for more than one.
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';
import { inputCalled } from './bind.mjs';

export async function open({ assets, url, threads }) {
  await loadLiteRt(assets, { threads: threads > 1 });
  const model = await loadAndCompile(url, { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
  const details = model.getInputDetails();
  const outputs = model.getOutputDetails().map(({ name }) => name);
  return {
    outputs,
    figures: { threads: model.options.cpuOptions.numThreads, accelerated: model.isFullyAccelerated },
    prepare: (inputs) =>
      details.map(({ name, dtype, shape }) => {
        const { data } = inputCalled(name, inputs);
        // Quantised models take pixels; which ones makes no difference to their time.
        return { data: dtype === 'uint8' ? Uint8Array.from(data, (value) => value * 255) : data, shape: [...shape] };
      }),
    async run(inputs) {
      const tensors = inputs.map(({ data, shape }) => new Tensor(data, shape));
      const results = await model.run(tensors);
      for (const tensor of tensors) tensor.delete();
      const arrays = {};
      for (let i = 0; i < results.length; ++i) {
        arrays[outputs[i]] = results[i].toTypedArray();
        results[i].delete();
      }
      return arrays;
    },
  };
}
