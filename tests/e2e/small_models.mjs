// Models that the tests make themselves, with weights that depend on nothing but a seed.

/** Numbers from -1 to 1, the same for the same seed on every machine. */
export function noise(count, seed) {
  const values = new Float32Array(count);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < count; ++i) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = (state >>> 0) / 2 ** 31 - 1;
  }
  return values;
}

const dims = (shape) => ({ dim: shape.map((size) => ({ size: String(size) })) });
const text = (value) => ({ s: Buffer.from(value).toString('base64') });
const list = (...values) => ({ list: { i: values.map(String) } });
const float = { type: 'DT_FLOAT' };

/** Ranges of smallClassifier's values, for `linnet.ranges` of its metadata: the convolutions then run in int8. */
export const smallRanges = {
  image: [-1, 1],
  stem: [-4, 4],
  'stem/relu6': [0, 4],
  depth: [-20, 4],
  'depth/relu': [0, 4],
  point: [-2.5, 2.5],
  sum: [-2.5, 4],
};

/**
 * A small classifier of [-1,size,size,3] images with 10 classes: convolution, depthwise and pointwise convolutions, a
 * residual sum, pooling, a dense layer and softmax. Big enough for every thread to get work.
 */
export function smallClassifier({ size = 48, metadata, softmax = true } = {}) {
  const nodes = [];
  const specs = [];
  const data = [];
  const add = (name, op, input, attr = {}) => nodes.push({ name, op, input, attr: { T: float, ...attr } });
  const weight = (name, shape, scale, values) => {
    nodes.push({ name, op: 'Const', attr: { dtype: float, value: { tensor: { dtype: 'DT_FLOAT', tensorShape: dims(shape) } } } });
    specs.push({ name, shape, dtype: 'float32' });
    const count = shape.reduce((product, extent) => product * extent, 1);
    data.push(values ?? noise(count, 17 + specs.length).map((value) => value * scale));
  };
  const window = (stride) => ({ strides: list(1, stride, stride, 1), padding: text('SAME'), data_format: text('NHWC'), dilations: list(1, 1, 1, 1) });

  nodes.push({ name: 'image', op: 'Placeholder', attr: { dtype: float, shape: { shape: dims([-1, size, size, 3]) } } });
  weight('stem/w', [3, 3, 3, 16], 0.4);
  weight('stem/b', [16], 0.1);
  add('stem', 'Conv2D', ['image', 'stem/w'], window(2));
  add('stem/bias', 'BiasAdd', ['stem', 'stem/b'], { data_format: text('NHWC') });
  add('stem/relu6', 'Relu6', ['stem/bias']);
  weight('depth/w', [3, 3, 16, 1], 0.5);
  add('depth', 'DepthwiseConv2dNative', ['stem/relu6', 'depth/w'], window(1));
  add('depth/relu', 'Relu', ['depth']);
  weight('point/w', [1, 1, 16, 16], 0.4);
  add('point', 'Conv2D', ['depth/relu', 'point/w'], window(1));
  add('sum', 'AddV2', ['point', 'stem/relu6']);
  add('pool', 'MaxPool', ['sum'], { ksize: list(1, 2, 2, 1), strides: list(1, 2, 2, 1), padding: text('SAME'), data_format: text('NHWC') });
  nodes.push({ name: 'axes', op: 'Const', attr: { dtype: { type: 'DT_INT32' }, value: { tensor: { dtype: 'DT_INT32', tensorShape: dims([2]) } } } });
  specs.push({ name: 'axes', shape: [2], dtype: 'int32' });
  data.push(Int32Array.of(1, 2));
  add('mean', 'Mean', ['pool', 'axes'], { Tidx: { type: 'DT_INT32' }, keep_dims: { b: false } });
  weight('dense/w', [16, 10], 1.5);
  add('logits', 'MatMul', ['mean', 'dense/w'], { transpose_a: { b: false }, transpose_b: { b: false } });
  if (softmax) add('answers', 'Softmax', ['logits']);

  const output = softmax ? 'answers' : 'logits';
  const port = (name, shape) => ({ name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: dims(shape) });
  const json = {
    format: 'graph-model',
    generatedBy: 'test',
    convertedBy: null,
    ...(metadata && { userDefinedMetadata: metadata }),
    signature: { inputs: { image: port('image', [-1, size, size, 3]) }, outputs: { [output]: port(output, [-1, 10]) } },
    modelTopology: { node: nodes, library: {}, versions: { producer: 1 } },
    weightsManifest: [{ paths: ['weights.bin'], weights: specs }],
  };
  return { json, weights: Buffer.concat(data.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))) };
}

/** A model without weights that gives back what is positive of its [1,height,width,channels] input. */
export function echo({ width, height, channels = 3, metadata }) {
  const shape = [1, height, width, channels];
  const port = (name) => ({ name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: dims(shape) });
  const nodes = [
    { name: 'image', op: 'Placeholder', attr: { dtype: float, shape: { shape: dims(shape) } } },
    { name: 'echo', op: 'Relu', input: ['image'], attr: { T: float } },
  ];
  const json = {
    format: 'graph-model',
    ...(metadata && { userDefinedMetadata: metadata }),
    signature: { inputs: { image: port('image') }, outputs: { echo: port('echo') } },
    modelTopology: { node: nodes, library: {}, versions: { producer: 1 } },
    weightsManifest: [],
  };
  return { json, weights: Buffer.alloc(0) };
}

/** A model without weights: `next` is `state` + `step`, and `product` is `next` * `step`, all of `shape` and a `DT_...`. */
export function loop(shape, dtype = 'DT_FLOAT') {
  const port = (name) => ({ name: `${name}:0`, dtype, tensorShape: dims(shape) });
  const input = (name) => ({ name, op: 'Placeholder', attr: { dtype: { type: dtype }, shape: { shape: dims(shape) } } });
  const json = {
    format: 'graph-model',
    signature: { inputs: { state: port('state'), step: port('step') }, outputs: { next: port('next'), product: port('product') } },
    modelTopology: {
      node: [
        input('state'),
        input('step'),
        { name: 'next', op: 'AddV2', input: ['state', 'step'], attr: { T: { type: dtype } } },
        { name: 'product', op: 'Mul', input: ['next', 'step'], attr: { T: { type: dtype } } },
      ],
      library: {},
      versions: { producer: 1 },
    },
    weightsManifest: [],
  };
  return { json, weights: Buffer.alloc(0) };
}

/** A model without weights that adds its inputs `image` and `other`, both [1,4,4,3]. */
export function sum() {
  const shape = [1, 4, 4, 3];
  const port = (name) => ({ name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: dims(shape) });
  const input = (name) => ({ name, op: 'Placeholder', attr: { dtype: float, shape: { shape: dims(shape) } } });
  const json = {
    format: 'graph-model',
    signature: { inputs: { image: port('image'), other: port('other') }, outputs: { sum: port('sum') } },
    modelTopology: {
      node: [input('image'), input('other'), { name: 'sum', op: 'AddV2', input: ['image', 'other'], attr: { T: float } }],
      library: {},
      versions: { producer: 1 },
    },
    weightsManifest: [],
  };
  return { json, weights: Buffer.alloc(0) };
}

/** A model that doubles its [1,4] input and adds the sums of no rows at all, which a GPU leaves to the engine. */
export function sumOfNothing() {
  const port = (name) => ({ name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: dims([1, 4]) });
  const whole = { type: 'DT_INT32' };
  const constant = (name, shape) => ({ name, op: 'Const', attr: { dtype: whole, value: { tensor: { dtype: 'DT_INT32', tensorShape: dims(shape) } } } });
  const json = {
    format: 'graph-model',
    signature: { inputs: { row: port('row') }, outputs: { double: port('double') } },
    modelTopology: {
      node: [
        { name: 'row', op: 'Placeholder', attr: { dtype: float, shape: { shape: dims([1, 4]) } } },
        constant('begin', [2]),
        constant('size', [2]),
        constant('axes', [1]),
        { name: 'twice', op: 'AddV2', input: ['row', 'row'], attr: { T: float } },
        { name: 'nothing', op: 'Slice', input: ['twice', 'begin', 'size'], attr: { T: float, Index: whole } },
        { name: 'zeros', op: 'Sum', input: ['nothing', 'axes'], attr: { T: float, Tidx: whole, keep_dims: { b: true } } },
        { name: 'double', op: 'AddV2', input: ['twice', 'zeros'], attr: { T: float } },
      ],
      library: {},
      versions: { producer: 1 },
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: [['begin', 2], ['size', 2], ['axes', 1]].map(([name, count]) => ({ name, shape: [count], dtype: 'int32' })),
      },
    ],
  };
  return { json, weights: Buffer.from(Int32Array.of(0, 0, 0, 4, 0).buffer) };
}

/**
 * A model of [1,4,4,8] numbers with three parts that a GPU leaves to the engine, with kernels before, between and after them: two
 * concatenations of 20 tensors, of which WebGL2 reads no more than 15 at once, and the padding of no element at all to 8.
 */
export function partsOnCpu() {
  const shape = [1, 4, 4, 8];
  const whole = { type: 'DT_INT32' };
  const nodes = [{ name: 'x', op: 'Placeholder', attr: { dtype: float, shape: { shape: dims(shape) } } }];
  const specs = [];
  const data = [];
  const constant = (name, size, values) => {
    const isFloat = values instanceof Float32Array;
    nodes.push({ name, op: 'Const', attr: { dtype: isFloat ? float : whole, value: { tensor: { dtype: isFloat ? 'DT_FLOAT' : 'DT_INT32', tensorShape: dims(size) } } } });
    specs.push({ name, shape: size, dtype: isFloat ? 'float32' : 'int32' });
    data.push(Buffer.from(values.buffer));
    return name;
  };
  const add = (name, op, input, attr = {}) => {
    nodes.push({ name, op, input, attr: { T: float, ...attr } });
    return name;
  };
  const product = (name, input, channels) =>
    add(name, 'Conv2D', [input, constant(`${name}/w`, [1, 1, channels, 8], noise(8 * channels, channels + name.length).map((value) => value / Math.sqrt(channels)))], {
      strides: list(1, 1, 1, 1),
      padding: text('VALID'),
      data_format: text('NHWC'),
      dilations: list(1, 1, 1, 1),
    });
  // Each part is a pool of the one before, scaled, so that all are tensors of their own.
  const concatenate = (name, input) => {
    const parts = [input];
    for (let i = 1; i < 20; ++i) {
      const pool = add(`${name}/pool${i}`, 'MaxPool', [parts[i - 1]], { ksize: list(1, 2, 2, 1), strides: list(1, 1, 1, 1), padding: text('SAME'), data_format: text('NHWC') });
      parts.push(add(`${name}/part${i}`, 'Sub', [constant(`${name}/constant${i}`, [8], noise(8, i)), pool]));
    }
    return add(name, 'ConcatV2', [...parts, 'axis'], { N: { i: '20' }, Tidx: whole });
  };
  constant('axis', [], Int32Array.of(3));
  const first = product('last', concatenate('front', product('first', 'x', 8)), 160);
  constant('begin', [4], Int32Array.of(0, 0, 0, 0));
  constant('size', [4], Int32Array.of(1, 0, 1, 8));
  const nothing = add('nothing', 'Slice', [first, 'begin', 'size'], { Index: whole });
  constant('pads', [4, 2], Int32Array.of(0, 0, 1, 0, 0, 0, 0, 0));
  constant('value', [], Float32Array.of(0.75));
  const padded = add('padded', 'PadV2', [nothing, 'pads', 'value'], { Tpaddings: whole });
  const sum = add('sum', 'AddV2', [first, padded]);
  add('y', 'Relu', [product('end', concatenate('back', sum), 160)]);
  const port = (name) => ({ name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: dims(shape) });
  const json = {
    format: 'graph-model',
    signature: { inputs: { x: port('x') }, outputs: { y: port('y') } },
    modelTopology: { node: nodes, library: {}, versions: { producer: 1 } },
    weightsManifest: [{ paths: ['weights.bin'], weights: specs }],
  };
  return { json, weights: Buffer.concat(data) };
}

/**
 * A model whose bytes are its weights: [1,width] numbers through `layers` products by a matrix, of which every second is then
 * scaled by column. The matrices are stored as float32, float16 and uint8 in turn.
 */
export function products({ width = 256, layers = 12 } = {}) {
  const nodes = [{ name: 'x', op: 'Placeholder', attr: { dtype: float, shape: { shape: dims([1, width]) } } }];
  const specs = [];
  const data = [];
  const weight = (name, shape, bytes, quantization) => {
    nodes.push({ name, op: 'Const', attr: { dtype: float, value: { tensor: { dtype: 'DT_FLOAT', tensorShape: dims(shape) } } } });
    specs.push({ name, shape, dtype: 'float32', ...(quantization && { quantization }) });
    data.push(Buffer.from(bytes.buffer));
  };
  let last = 'x';
  const add = (name, op, other) => {
    nodes.push({ name, op, input: [last, other], attr: { T: float } });
    last = name;
  };
  for (let i = 0; i < layers; ++i) {
    const values = noise(width * width, i + 1);
    if (i % 3 === 0) weight(`w${i}`, [width, width], values.map((value) => value / 10));
    // Halves from 1/16 to 1/8, of either sign.
    else if (i % 3 === 1) weight(`w${i}`, [width, width], Uint16Array.from(values, (value) => (value < 0 ? 0xac00 : 0x2c00) + Math.abs(value) * 1023), { dtype: 'float16' });
    else weight(`w${i}`, [width, width], Uint8Array.from(values, (value) => 127.5 + 127.5 * value), { dtype: 'uint8', scale: 0.001, min: -0.1 });
    add(`product${i}`, 'MatMul', `w${i}`);
    if (i % 2 === 0) continue;
    weight(`scale${i}`, [width], noise(width, 100 + i));
    add(`scaled${i}`, 'Mul', `scale${i}`);
  }
  const port = (name) => ({ name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: dims([1, width]) });
  const json = {
    format: 'graph-model',
    signature: { inputs: { x: port('x') }, outputs: { y: port(last) } },
    modelTopology: { node: nodes, library: {}, versions: { producer: 1 } },
    weightsManifest: [{ paths: ['weights.bin'], weights: specs }],
  };
  return { json, weights: Buffer.concat(data) };
}
