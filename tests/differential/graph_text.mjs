// Runs the engine's graph text (src/graph/text.h) with TensorFlow.js: the oracle of the op cases. Each op is put
// together from public TensorFlow.js functions; none of the engine's code takes part.
import * as tf from '@tensorflow/tfjs';

import { evaluate } from './expr.mjs';

/** Splits at commas that stand outside brackets. */
function split(text) {
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    if (i === text.length || (text[i] === ',' && depth === 0)) {
      const part = text.slice(start, i).trim();
      if (part) parts.push(part);
      start = i + 1;
    } else if ('([{'.includes(text[i])) {
      depth++;
    } else if (')]}'.includes(text[i])) {
      depth--;
    }
  }
  return parts;
}

function attribute(text) {
  if (text === 'true' || text === 'false') return text === 'true';
  if (text[0] === '[') return text.slice(1, -1).split(',').filter((item) => item.trim()).map(Number);
  return Number.isFinite(Number(text)) ? Number(text) : text;
}

/**
 * Parses graph text into `{nodes, outputs, codes}`: nodes are `{result, op, inputs, attrs}`, outputs are values, codes the
 * inputs of type i8. Data of inputs and constants are not looked at; `run` is given them.
 */
export function parse(text) {
  const nodes = [];
  const outputs = [];
  const codes = new Set();
  for (const line of text.split('\n').map((raw) => raw.replace(/#.*/, '').trim())) {
    const input = /^input (%[^\s:]+): i8\[/.exec(line);
    if (input) codes.add(input[1]);
    if (!line || /^(input|const) /.test(line)) continue;
    const output = /^output (%\S+)/.exec(line);
    if (output) {
      outputs.push(output[1]);
      continue;
    }
    const node = /^(%[^\s:=]+)(?:: \S+)?\s*=\s*(\w+)\(([^)]*)\)\s*(?:\{(.*)\})?$/.exec(line);
    if (!node) throw new Error(`cannot read graph text: ${line}`);
    const attrs = {};
    for (const entry of split(node[4] ?? '')) {
      const equals = entry.indexOf('=');
      attrs[entry.slice(0, equals).trim()] = attribute(entry.slice(equals + 1).trim());
    }
    nodes.push({ result: node[1], op: node[2], inputs: split(node[3]), attrs });
  }
  return { nodes, outputs, codes };
}

/** Pads the spatial axes of NHWC by `[top, bottom, left, right]`. */
function padSpatial(x, pads = [0, 0, 0, 0], value = 0) {
  if (pads.every((pad) => pad === 0)) return x;
  return tf.pad(x, [[0, 0], [pads[0], pads[1]], [pads[2], pads[3]], [0, 0]], value);
}

const strides = (attrs) => attrs.strides ?? [1, 1];
const dilations = (attrs) => attrs.dilations ?? [1, 1];
const withBias = (y, bias) => (bias ? tf.add(y, bias) : y);

/** TensorFlow.js has no convolution with strides and dilations both above 1; the strides then become a slice. */
function strided(attrs, compute) {
  const both = Math.max(...strides(attrs)) > 1 && Math.max(...dilations(attrs)) > 1;
  if (!both) return compute(strides(attrs));
  const [sy, sx] = strides(attrs);
  const y = compute([1, 1]);
  return tf.stridedSlice(y, [0, 0, 0, 0], y.shape, [1, sy, sx, 1]);
}

function mirrored(x, pads, mode) {
  const pairs = x.shape.map((_, axis) => [pads[2 * axis], pads[2 * axis + 1]]);
  return tf.mirrorPad(x, pairs, mode);
}

/** The codes of `value`, which is in units of the result's scale. */
function toCodes(value, { zero = 0, low = 0, high = 127 }) {
  return tf.add(tf.round(tf.clipByValue(value, low - zero, high - zero)), zero);
}

/** Sums over codes to codes: bias, multiplier, and a residual where there is one. */
function requantise(sums, attrs, bias, multiplier, residual) {
  let value = tf.mul(tf.add(sums, tf.cast(bias, 'float32')), multiplier);
  if (attrs.dtype === 'f32') return value;
  if (residual) value = tf.add(value, tf.mul(tf.sub(residual, attrs.other_zero ?? 0), attrs.other_scale));
  return toCodes(value, attrs);
}

const reductions = { mean: tf.mean, sum: tf.sum, max: tf.max, min: tf.min, prod: tf.prod };
const dtypes = { f32: 'float32', i32: 'int32', bool: 'bool' };

// op -> [how many operands are its own (the rest belong to its epilogue), what it computes]
const ops = {
  elementwise: [Infinity, (attrs, ...inputs) => evaluate(attrs.expr, inputs)],
  identity: [1, (_, x) => x.clone()],
  avg_pool: [
    1,
    (attrs, x) => {
      const pool = (image) => tf.avgPool(padSpatial(image, attrs.pads), attrs.kernel, strides(attrs), 'valid');
      // Padding counts in neither sum nor divisor: divide by the pooled share of pixels inside.
      return tf.div(pool(x), pool(tf.onesLike(x)));
    },
  ],
  max_pool: [
    1,
    (attrs, x) => tf.maxPool(padSpatial(x, attrs.pads, -3.4e38), attrs.kernel, strides(attrs), 'valid'),
  ],
  batch_norm: [
    5,
    (attrs, x, gamma, beta, mean, variance) => tf.batchNorm(x, mean, variance, beta, gamma, attrs.epsilon),
  ],
  // TensorFlow.js's WebAssembly cast to bool keeps the numbers as they are.
  cast: [1, (attrs, x) => (attrs.dtype === 'bool' ? tf.notEqual(x, 0) : tf.cast(x, dtypes[attrs.dtype]))],
  dequantize: [1, (attrs, x) => tf.mul(tf.sub(x, attrs.zero ?? 0), attrs.scale)],
  dynamic_matmul: [
    4,
    (_, x, w, scale, bias) => {
      const low = tf.minimum(tf.min(x, -1, true), 0);
      const high = tf.maximum(tf.max(x, -1, true), 0);
      const range = tf.div(tf.sub(high, low), 127);
      const step = tf.where(tf.greater(range, 0), range, tf.onesLike(range));
      const zero = tf.round(tf.div(tf.neg(low), step));
      const codes = tf.clipByValue(tf.add(tf.round(tf.mul(x, tf.div(1, step))), zero), 0, 127);
      const rows = tf.reshape(tf.sub(codes, zero), [-1, w.shape[2]]);
      const sums = tf.reshape(tf.matMul(rows, tf.reshape(w, w.shape.slice(2))), [...x.shape.slice(0, -1), w.shape[3]]);
      return withBias(tf.mul(sums, tf.mul(step, scale)), bias);
    },
  ],
  lookup: [2, (_, x, table) => tf.gather(table, tf.cast(x, 'int32'))],
  quantize: [1, (attrs, x) => toCodes(tf.mul(x, Math.fround(1 / Math.fround(attrs.scale))), attrs)],
  quantized_add: [
    2,
    (attrs, a, b) =>
      toCodes(
        tf.add(
          tf.mul(tf.sub(a, attrs.input_zero ?? 0), attrs.input_scale),
          tf.mul(tf.sub(b, attrs.other_zero ?? 0), attrs.other_scale),
        ),
        attrs,
      ),
  ],
  quantized_conv2d: [
    5,
    (attrs, x, w, ...rest) => requantise(ops.conv2d[1](attrs, tf.sub(x, attrs.input_zero ?? 0), w), attrs, ...rest),
  ],
  quantized_depthwise_conv2d: [
    4,
    (attrs, x, w, ...rest) =>
      requantise(ops.depthwise_conv2d[1](attrs, tf.sub(x, attrs.input_zero ?? 0), w), attrs, ...rest),
  ],
  concat: [Infinity, (attrs, ...inputs) => tf.concat(inputs, attrs.axis)],
  conv2d: [
    3,
    (attrs, x, w, bias) => {
      const y = strided(attrs, (steps) =>
        tf.conv2d(padSpatial(x, attrs.pads), w, steps, 'valid', 'NHWC', dilations(attrs)),
      );
      return withBias(y, bias);
    },
  ],
  conv2d_transpose: [
    3,
    (attrs, x, w, bias) => {
      const [top, bottom, left, right] = attrs.pads ?? [0, 0, 0, 0];
      const [height, width] = attrs.output_shape;
      const padded = [x.shape[0], height + top + bottom, width + left + right, w.shape[2]];
      const y = tf.conv2dTranspose(x, w, padded, strides(attrs), 'valid');
      return withBias(tf.slice(y, [0, top, left, 0], [padded[0], height, width, padded[3]]), bias);
    },
  ],
  depthwise_conv2d: [
    3,
    (attrs, x, w, bias) => {
      const y = strided(attrs, (steps) =>
        tf.depthwiseConv2d(padSpatial(x, attrs.pads), w, steps, 'valid', 'NHWC', dilations(attrs)),
      );
      return withBias(y, bias);
    },
  ],
  matmul: [
    3,
    (attrs, a, b, bias) => {
      const y = tf.matMul(a, b, attrs.transpose_a ?? false, attrs.transpose_b ?? false);
      return withBias(y, bias);
    },
  ],
  pad: [
    1,
    (attrs, x) => {
      const mode = attrs.mode ?? 'constant';
      if (mode !== 'constant') return mirrored(x, attrs.pads, mode);
      const pairs = x.shape.map((_, axis) => [attrs.pads[2 * axis], attrs.pads[2 * axis + 1]]);
      return tf.pad(x, pairs, attrs.value ?? 0);
    },
  ],
  reduce: [
    1,
    (attrs, x) => reductions[attrs.mode](x, attrs.axes.length ? attrs.axes : undefined, attrs.keep_dims ?? false),
  ],
  reshape: [1, (attrs, x) => tf.reshape(x, attrs.shape)],
  resize_bilinear: [
    1,
    (attrs, x) =>
      tf.image.resizeBilinear(x, attrs.size, attrs.align_corners ?? false, attrs.half_pixel_centers ?? false),
  ],
  slice: [
    1,
    (attrs, x) => {
      const steps = attrs.strides ?? attrs.begin.map(() => 1);
      return attrs.begin.reduce((part, begin, axis) => {
        const indices = Array.from({ length: attrs.size[axis] }, (_, i) => begin + i * steps[axis]);
        return tf.gather(part, tf.tensor1d(indices, 'int32'), axis);
      }, x);
    },
  ],
  layer_norm: [
    3,
    ({ mode, epsilon }, x, gamma, beta) => {
      const centred = mode === 'layer' ? tf.sub(x, tf.mean(x, -1, true)) : x;
      return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon))), gamma), beta);
    },
  ],
  softmax: [1, (_, x) => tf.softmax(x)],
  transpose: [1, (attrs, x) => tf.transpose(x, attrs.perm)],
};

/** The sum of each window, which for codes is exact. */
function windowSums(attrs, x) {
  const ones = tf.ones([...attrs.kernel, x.shape[3], 1]);
  return tf.depthwiseConv2d(padSpatial(x, attrs.pads), ones, strides(attrs), 'valid');
}

// What ops do otherwise when their first operand holds codes: means and interpolations are rounded to codes.
const codeOps = {
  avg_pool: [
    1,
    (attrs, x) => tf.round(tf.mul(windowSums(attrs, x), tf.div(1, windowSums(attrs, tf.onesLike(x))))),
  ],
  reduce: [
    1,
    (attrs, x) => {
      const sums = ops.reduce[1]({ ...attrs, mode: 'sum' }, x);
      return tf.round(tf.mul(sums, tf.div(1, x.size / sums.size)));
    },
  ],
  resize_bilinear: [1, (attrs, x) => tf.floor(tf.add(ops.resize_bilinear[1](attrs, x), 0.5))],
};

/** The names of all ops that `run` knows. */
export const opNames = Object.keys(ops);

/** Runs graph text. `values` maps `%name` to a tensor for every input and constant. Gives the outputs' tensors. */
export function run(text, values) {
  const { nodes, outputs, codes } = parse(text);
  const known = { ...values };
  const value = (name) => {
    if (!known[name]) throw new Error(`no value for ${name} in:\n${text}`);
    return known[name];
  };
  for (const { result, op, inputs, attrs } of nodes) {
    if (!ops[op]) throw new Error(`the oracle does not know the op '${op}'`);
    const [own, compute] = (codes.has(inputs[0]) && codeOps[op]) || ops[op];
    const operands = inputs.map(value);
    let y = compute(attrs, ...operands.slice(0, own));
    if (attrs.epilogue) y = evaluate(attrs.epilogue, [y, ...operands.slice(own)]);
    known[result] = y;
  }
  return outputs.map(value);
}
