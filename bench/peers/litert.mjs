// LiteRT.js on its WebAssembly accelerator (XNNPACK): the build with threads for more than one.
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';
import { inputCalled } from './bind.mjs';

const arrays = { uint8: Uint8Array, int8: Int8Array };
const limits = { uint8: [0, 255], int8: [-128, 127] };

// The codes of numbers: round(x / scale) + zero, as far as the type goes.
function encode(data, { scale, zero }, dtype) {
  const [low, high] = limits[dtype];
  return arrays[dtype].from(data, (value) => Math.min(high, Math.max(low, Math.round(value / scale) + zero)));
}

/** `codes`: of an int8 model's inputs and outputs (tflite.mjs). Its inputs are encoded before the clock starts. */
export async function open({ assets, url, threads, codes }) {
  await loadLiteRt(assets, { threads: threads > 1 });
  const model = await loadAndCompile(url, { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
  const details = model.getInputDetails();
  const outputs = model.getOutputDetails().map(({ name }) => name);
  return {
    outputs,
    figures: { threads: model.options.cpuOptions.numThreads, accelerated: model.isFullyAccelerated },
    prepare: (inputs) =>
      details.map(({ name, dtype, shape }, i) => {
        const { data } = inputCalled(name, inputs);
        return { data: arrays[dtype] ? encode(data, codes.inputs[i], dtype) : data, shape: [...shape] };
      }),
    async run(inputs) {
      const tensors = inputs.map(({ data, shape }) => new Tensor(data, shape));
      const results = await model.run(tensors);
      for (const tensor of tensors) tensor.delete();
      const found = {};
      for (let i = 0; i < results.length; ++i) {
        found[outputs[i]] = results[i].toTypedArray();
        results[i].delete();
      }
      return found;
    },
    /** The numbers that an output's codes stand for. */
    decode(name, data) {
      const code = codes?.outputs[outputs.indexOf(name)];
      return code ? Float32Array.from(data, (value) => (value - code.zero) * code.scale) : data;
    },
  };
}
