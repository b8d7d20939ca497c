// Seeds of the TensorFlow.js reader: small models of both formats, then a zero byte, then their weights.

const base64 = (text) => Buffer.from(text).toString('base64');
const string = (text) => ({ s: base64(text) });
const strings = (...texts) => ({ list: { s: texts.map(base64) } });
const ints = (...numbers) => ({ list: { i: numbers.map(String) } });

const placeholder = (name, ...dims) => ({
  name,
  op: 'Placeholder',
  attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: { dim: dims.map((size) => ({ size: String(size) })) } } },
});
const node = (name, op, input = [], attr = {}) => ({ name, op, input, attr });
const weight = (name, shape, dtype = 'float32', quantization = undefined) => ({ name, shape, dtype, quantization });

/** A model's seed; `paths` are its shards, and `bytes` repeat through them. */
function seed(topology, weights, { paths = ['w.bin'], bytes = [0, 1, 0, 0, 0], ...root } = {}) {
  const model = { modelTopology: topology, ...root, weightsManifest: [{ paths, weights }] };
  return Buffer.concat([Buffer.from(`${JSON.stringify(model)}\0`), Buffer.from(bytes)]);
}

/** A graph in which every weight has its Const. */
function graph(nodes, weights = [], options = {}) {
  return seed({ node: [...nodes, ...weights.map(({ name }) => node(name, 'Const'))] }, weights, options);
}

const unary = (op, attr) => graph([placeholder('x', -1, 4), node('y', op, ['x'], attr)]);
const window = (padding, more = {}) => ({ padding: string(padding), strides: ints(1, 2, 2, 1), ...more });

const layer = (class_name, name, config = {}, ...inputs) => ({
  class_name,
  name,
  config: { name, ...config },
  inbound_nodes: inputs.length ? [inputs.map((input) => [input, 0, 0, {}])] : [],
});
const functional = (layers, input, output) => ({
  model_config: {
    class_name: 'Model',
    config: { layers, input_layers: [[input, 0, 0]], output_layers: [[output, 0, 0]] },
  },
});
const image = layer('InputLayer', 'x', { batch_input_shape: [null, 4, 4, 2] });

export const tfjsSeeds = () => ({
  activation: unary('Relu6'),
  leaky_relu: unary('LeakyRelu', { alpha: { f: 0.1 } }),
  cast: unary('Cast', { DstT: { type: 'DT_INT32' } }),
  unknown_op: unary('TopKV2'),
  signature: graph([placeholder('x', -1, 4), node('y', 'Neg', ['x:0']), node('z', 'Abs', ['y'])], [], {
    signature: { inputs: { in: { name: 'x:0' } }, outputs: { out: { name: 'z:0' }, mid: { name: 'y' } } },
  }),
  metadata_signature: graph([placeholder('x', 3), node('y', 'Neg', ['x', '^x'])], [], {
    userDefinedMetadata: { signature: { outputs: { y: { name: 'y:0' } } }, other: [1, '}'] },
  }),
  cycle: graph([placeholder('x', 1), node('a', 'Add', ['x', 'b']), node('b', 'Neg', ['a']), node('c', 'Neg', ['b'])]),
  conv: graph(
    [placeholder('x', -1, 5, 5, 2), node('y', 'Conv2D', ['x', 'w'], window('SAME')), node('z', 'BiasAdd', ['y', 'b'])],
    [weight('w', [3, 3, 2, 4]), weight('b', [4])],
  ),
  conv_explicit: graph(
    [
      placeholder('x', -1, 5, 5, 1),
      node('y', 'Conv2D', ['x', 'w'], window('EXPLICIT', { explicit_paddings: ints(0, 0, 1, 0, 2, 1, 0, 0) })),
    ],
    [weight('w', [3, 3, 1, 2])],
  ),
  fused_conv: graph(
    [
      placeholder('x', -1, 5, 5, 2),
      node('y', '_FusedConv2D', ['x', 'w', 'b', 'a'], window('SAME', { fused_ops: strings('BiasAdd', 'Prelu') })),
    ],
    [weight('w', [1, 1, 2, 3], 'float32', { dtype: 'uint8', scale: 0.5, min: -1 }), weight('b', [3]), weight('a', [1, 1, 3])],
  ),
  fused_depthwise: graph(
    [
      placeholder('x', -1, 5, 5, 2),
      node('y', 'FusedDepthwiseConv2dNative', ['x', 'w', 'b'], window('VALID', { fused_ops: strings('BiasAdd', 'Relu6') })),
    ],
    [weight('w', [3, 3, 2, 1], 'float32', { dtype: 'float16' }), weight('b', [2])],
  ),
  transpose_conv: graph(
    [placeholder('x', -1, 2, 2, 1), node('y', 'Conv2DBackpropInput', ['s', 'w', 'x'], window('SAME'))],
    [weight('s', [4], 'int32', { dtype: 'uint8', scale: 1, min: 1 }), weight('w', [2, 2, 1, 1])],
    { bytes: [0, 0, 3, 3, 0, 7, 7] },
  ),
  batch_norm: graph(
    [
      placeholder('x', -1, 2, 2, 3),
      node('y', 'FusedBatchNormV3', ['x', 'g', 'b', 'm', 'v'], { epsilon: { f: 0.001 } }),
      node('z', 'AvgPool', ['y'], window('SAME', { ksize: ints(1, 2, 2, 1) })),
    ],
    ['g', 'b', 'm', 'v'].map((name) => weight(name, [3])),
  ),
  shapes: graph(
    [
      placeholder('x', -1, 2, 3),
      node('s', 'Shape', ['x']),
      node('n', 'StridedSlice', ['s', 'zero', 'one', 'one'], { shrink_axis_mask: { i: '1' } }),
      node('p', 'Pack', ['n', 'rest'], { axis: { i: '0' } }),
      node('y', 'Reshape', ['x', 'p']),
    ],
    [weight('zero', [1], 'int32'), weight('one', [1], 'uint8'), weight('rest', [], 'int32')],
    { bytes: [0, 0, 0, 0, 0, 1, 255, 255, 255, 255] },
  ),
  slices: graph(
    [
      placeholder('x', 2, 4),
      node('y', 'StridedSlice', ['x', 'b', 'e', 'e'], { ellipsis_mask: { i: 1 }, end_mask: { i: '2' }, new_axis_mask: { i: 0 } }),
      node('s', 'Split', ['axis', 'x'], { num_split: { i: '2' } }),
      node('z', 'ConcatV2', ['s:1', 's', 'axis']),
    ],
    [weight('b', [2], 'bool'), weight('e', [2], 'uint8'), weight('axis', [], 'uint8')],
    { bytes: [0, 0, 1, 1, 2, 1] },
  ),
  reduce: graph(
    [placeholder('x', 2, 3, 4), node('y', 'Mean', ['x', 'a'], { keep_dims: { b: true } }), node('z', 'Pad', ['x', 'p'])],
    [weight('a', [2], 'uint8'), weight('p', [3, 2], 'uint8')],
    { bytes: [0, 0, 1] },
  ),
  matmul: graph(
    [
      placeholder('x', -1, 4),
      node('y', '_FusedMatMul', ['x', 'w', 'b'], { fused_ops: strings('BiasAdd', 'Relu'), transpose_b: { b: true } }),
      node('z', 'Softmax', ['y']),
    ],
    [weight('w', [3, 4]), weight('b', [3])],
    { paths: ['a', 'b', 'c'] },
  ),
  bad_shard: graph([placeholder('x', 1), node('y', 'Add', ['x', 'w'])], [weight('w', [1])], { bytes: [0xff, 1] }),
  layers: seed(
    functional(
      [
        image,
        layer('ZeroPadding2D', 'p', { padding: [[0, 1], [0, 1]] }, 'x'),
        layer('Conv2D', 'c', { strides: [2, 2], padding: 'valid', activation: 'relu', use_bias: true }, 'p'),
        layer('BatchNormalization', 'n', { axis: [3], epsilon: 0.001, scale: false }, 'c'),
        layer('ReLU', 'r', { max_value: 6, negative_slope: 0, threshold: 0 }, 'n'),
        layer('Add', 'a', {}, 'r', 'c'),
        layer('GlobalAveragePooling2D', 'g', {}, 'a'),
        layer('Dense', 'd', { activation: 'softmax' }, 'g'),
      ],
      'x',
      'd',
    ),
    [
      weight('c/kernel', [3, 3, 2, 2]),
      weight('c/bias', [2]),
      weight('n/beta', [2]),
      weight('n/moving_mean', [2]),
      weight('n/moving_variance', [2]),
      weight('d/kernel', [2, 3], 'float32', { dtype: 'uint16', scale: 0.1, min: 0 }),
      weight('d/bias', [3]),
    ],
  ),
  layers_transpose: seed(
    functional(
      [
        image,
        layer('SeparableConv2D', 's', { padding: 'same', dilation_rate: [1, 1] }, 'x'),
        layer('Conv2DTranspose', 't', { strides: 2, padding: 'same', use_bias: false }, 's'),
        layer('UpSampling2D', 'u', { size: [2, 2], interpolation: 'bilinear' }, 't'),
        layer('Concatenate', 'c', { axis: -1 }, 'u', 'u'),
        layer('Flatten', 'f', {}, 'c'),
      ],
      'x',
      'f',
    ),
    [
      weight('s/depthwise_kernel', [3, 3, 2, 1]),
      weight('s/pointwise_kernel', [1, 1, 2, 2]),
      weight('s/bias', [2]),
      weight('t/kernel', [3, 3, 1, 2]),
    ],
  ),
  sequential: seed(
    {
      class_name: 'Sequential',
      config: [
        { class_name: 'Sequential', config: { name: 's', layers: [layer('ELU', 'e', { batch_input_shape: [null, 4], alpha: 2 })] } },
        layer('Reshape', 'r', { target_shape: [2, -1] }),
        layer('Activation', 'a', { activation: 'swish' }),
      ],
    },
    [],
  ),
  deep: `${'['.repeat(200)}`,
  truncated: '{"modelTopology":{"node":[{"name":"a",',
});
