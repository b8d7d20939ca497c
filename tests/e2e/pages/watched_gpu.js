// Keeps the objects of WebGPU and WebGL2 that this thread has made and not yet let go of in `gpu.alive`, counts the GPUs that
// it opens and closes, and gives `gpu.device` or `gpu.gl`, the latest. `gpu.before[NAME]` sees the arguments of a call
// before the GPU does, and may change them; `gpu.instead[NAME]` is called in its place, with the call.
const gpu = (globalThis.gpu = { alive: new Set(), opened: 0, closed: 0, before: {}, instead: {} });

function wrap(prototype, name, around) {
  const original = prototype[name];
  prototype[name] = function (...given) {
    gpu.before[name]?.(given);
    const call = () => original.apply(this, given);
    return around(this, gpu.instead[name] ? () => gpu.instead[name](call, given) : call, given);
  };
}

function pairs(prototype, made, given) {
  for (const what of made)
    wrap(prototype, `create${what}`, (_, call) => {
      const object = call();
      gpu.alive.add(object);
      return object;
    });
  for (const what of given)
    wrap(prototype, `delete${what}`, (_, call, [object]) => {
      gpu.alive.delete(object);
      return call();
    });
}

const closes = (prototype, name) =>
  wrap(prototype, name, (_, call) => {
    gpu.closed += 1;
    return call();
  });

if (globalThis.GPUDevice) {
  pairs(GPUDevice.prototype, ['Buffer', 'Texture', 'QuerySet'], []);
  for (const { prototype } of [GPUBuffer, GPUTexture, GPUQuerySet])
    wrap(prototype, 'destroy', (object, call) => {
      gpu.alive.delete(object);
      return call();
    });
  for (const name of ['createShaderModule', 'createComputePipelineAsync']) wrap(GPUDevice.prototype, name, (_, call) => call());
  wrap(GPU.prototype, 'requestAdapter', (_, call) => {
    gpu.opened += 1;
    return call();
  });
  wrap(GPUAdapter.prototype, 'requestDevice', async (_, call) => (gpu.device = await call()));
  wrap(GPUQueue.prototype, 'submit', (_, call) => call());
  closes(GPUDevice.prototype, 'destroy');
}

const objects = ['Texture', 'Buffer', 'Framebuffer', 'Program'];
pairs(WebGL2RenderingContext.prototype, objects, objects);
for (const name of ['bufferData', 'drawArrays', 'texStorage3D', 'shaderSource', 'getError', 'getExtension', 'getProgramParameter']) wrap(WebGL2RenderingContext.prototype, name, (_, call) => call());
closes(Object.getPrototypeOf(new OffscreenCanvas(1, 1).getContext('webgl2').getExtension('WEBGL_lose_context')), 'loseContext');
wrap(OffscreenCanvas.prototype, 'getContext', (_, call, [kind]) => {
  const context = call();
  if (kind === 'webgl2') {
    gpu.opened += 1;
    gpu.gl = context;
  }
  return context;
});
