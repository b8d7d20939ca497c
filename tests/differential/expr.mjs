// Evaluates the engine's scalar expressions, such as `relu6(add($0, mul($1, 0.5)))`, with TensorFlow.js.
import * as tf from '@tensorflow/tfjs';

// Every operator of src/graph/expr_ops.def by TensorFlow.js's own function for it.
const operators = {
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: tf.div,
  maximum: tf.maximum,
  minimum: tf.minimum,
  squared_difference: tf.squaredDifference,
  floor_div: tf.floorDiv,
  floor_mod: tf.mod,
  pow: tf.pow,
  neg: tf.neg,
  abs: tf.abs,
  square: tf.square,
  reciprocal: tf.reciprocal,
  sqrt: tf.sqrt,
  rsqrt: tf.rsqrt,
  exp: tf.exp,
  log: tf.log,
  sin: tf.sin,
  cos: tf.cos,
  floor: tf.floor,
  ceil: tf.ceil,
  round: tf.round,
  clip: (x, low, high) => tf.minimum(tf.maximum(x, low), high),
  relu: tf.relu,
  relu6: tf.relu6,
  prelu: tf.prelu,
  elu: tf.elu,
  sigmoid: tf.sigmoid,
  tanh: tf.tanh,
  softplus: tf.softplus,
  hard_sigmoid: (x) => tf.clipByValue(tf.add(tf.mul(x, 0.2), 0.5), 0, 1),
  equal: tf.equal,
  not_equal: tf.notEqual,
  less: tf.less,
  less_equal: tf.lessEqual,
  greater: tf.greater,
  greater_equal: tf.greaterEqual,
  logical_and: tf.logicalAnd,
  logical_or: tf.logicalOr,
  logical_not: tf.logicalNot,
  select: tf.where,
};

/** The names of all operators that `evaluate` knows. */
export const operatorNames = Object.keys(operators);

/** Parses an expression into nested `{input}`, `{constant}` and `{operator, operands}`. */
export function parse(text) {
  const tokens = text.match(/\$\d+|[A-Za-z_]\w*|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[(),]|\S/g) ?? [];
  let next = 0;
  const expect = (token) => {
    if (tokens[next++] !== token) throw new Error(`expected '${token}' in expression: ${text}`);
  };
  const term = () => {
    const token = tokens[next++] ?? '';
    if (token[0] === '$') return { input: Number(token.slice(1)) };
    if (token !== '' && Number.isFinite(Number(token))) return { constant: Number(token) };
    if (!Object.hasOwn(operators, token)) throw new Error(`unknown operator '${token}' in expression: ${text}`);
    expect('(');
    const operands = [term()];
    while (tokens[next] === ',') {
      next++;
      operands.push(term());
    }
    expect(')');
    return { operator: token, operands };
  };
  const tree = term();
  if (next !== tokens.length) throw new Error(`text after the expression: ${text}`);
  return tree;
}

/** The expression's value for `inputs`, tensors that broadcast against each other. Constants take their type. */
export function evaluate(text, inputs) {
  const visit = (node) => {
    if ('input' in node) return inputs[node.input];
    if ('constant' in node) return tf.scalar(node.constant, inputs[0].dtype === 'int32' ? 'int32' : 'float32');
    return operators[node.operator](...node.operands.map(visit));
  };
  return visit(parse(text));
}
