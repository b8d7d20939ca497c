// Linnet: the engine works in a worker, unless told otherwise; `inside` is its time there, without the way to the page and back.
export async function open({ assets, url, threads, worker, backend = 'wasm' }) {
  const { loadModel } = await import(`${assets}linnet.js`);
  const model = await loadModel(url, { threads, worker, backend });
  let outputs;
  return {
    inputs: model.inputs,
    outputs: model.outputs.map(({ name }) => name),
    figures: { macs: model.macs, threads: model.threads, variant: model.variant, memory: model.memory() },
    prepare: (inputs) => Object.fromEntries(inputs.map(({ name, data }) => [name, data])),
    async run(inputs) {
      outputs = await model.run(inputs, { recycle: outputs });
      return outputs;
    },
    inside: () => model.timing.run,
    profile: (inputs, runs) => model.profile(inputs, runs),
  };
}
