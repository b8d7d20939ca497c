// Seeds of plan words: the number of steps that the plan claims in one byte, then little-endian words.

// A step as plan/plan.h lays it out: opcode and number of parameters, units, node, threads, chunk, the parameters.
const step = (op, { units = 1, node = 0, threads = 1, chunk = 1, parameters = [], words = parameters.length } = {}) => [
  op | (words << 16),
  units,
  node,
  threads,
  chunk,
  ...parameters,
];

const plan = (count, ...words) => {
  const list = words.flat();
  const bytes = Buffer.alloc(1 + 4 * list.length);
  bytes[0] = count;
  list.forEach((word, i) => bytes.writeUInt32LE(word >>> 0, 1 + 4 * i));
  return bytes;
};

export const planSeeds = () => ({
  empty: plan(0),
  one: plan(1, step(6, { units: 4, parameters: [0, 16, 4, 8] })),
  several: plan(3, step(1, { threads: 2, parameters: [1, 2, 3] }), step(8, { node: 1 }), step(10, { node: 2, parameters: [0, 1, 1] })),
  bare: plan(2, step(4), step(4)),
  miscounted: plan(5, step(4)),
  cut_header: plan(1, step(4).slice(0, 3)),
  cut_parameters: plan(1, step(4, { parameters: [1], words: 9 })),
  unknown_opcode: plan(1, step(99)),
  missing_node: plan(1, step(4, { node: 3 })),
  most_words: plan(1, step(4, { words: 0xffff })),
});
