// ONNX Runtime Web on its WebAssembly or WebGPU provider, by the scripts that it is published as.
import { inputCalled } from './bind.mjs';

// Rows of [H,W,C] as [C,H,W], for models that want channels first.
function channelsFirst(data, [batch, height, width, channels]) {
  const result = new Float32Array(data.length);
  const plane = height * width;
  for (let n = 0; n < batch; ++n)
    for (let i = 0; i < plane; ++i)
      for (let c = 0; c < channels; ++c) result[(n * channels + c) * plane + i] = data[(n * plane + i) * channels + c];
  return result;
}

// The tensor's data and shape as the model wants them, which may leave dimensions open (a name in place of a number).
function arrange({ data, shape }, wanted) {
  const fits = (dims) => dims.every((dim, i) => typeof wanted[i] !== 'number' || wanted[i] <= 0 || wanted[i] === dim);
  if (fits(shape)) return { data, shape };
  const [batch, height, width, channels] = shape;
  const first = [batch, channels, height, width];
  if (shape.length === 4 && fits(first)) return { data: channelsFirst(data, shape), shape: first };
  throw new Error(`the model wants [${wanted}], there is [${shape}]`);
}

export async function open({ assets, url, threads, provider = 'wasm' }) {
  const ort = await import(`${assets}ort.${provider}.min.mjs`);
  ort.env.wasm.wasmPaths = new URL(assets, location.href).href;
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(url, { executionProviders: [provider] });
  return {
    outputs: session.outputNames,
    figures: { threads: ort.env.wasm.numThreads },
    prepare: (inputs) =>
      session.inputMetadata.map(({ name, shape }) => ({ name, ...arrange(inputCalled(name, inputs), shape) })),
    async run(inputs) {
      const feeds = {};
      for (const { name, data, shape } of inputs) feeds[name] = new ort.Tensor('float32', data, shape);
      const results = await session.run(feeds);
      const arrays = {};
      for (const name of session.outputNames) {
        arrays[name] = await results[name].getData();
        results[name].dispose();
      }
      return arrays;
    },
  };
}
