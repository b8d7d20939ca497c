/** The value that a fraction `p` of the samples does not exceed, interpolated. */
export function percentile(samples, p) {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (sorted[Math.ceil(at)] - sorted[low]) * (at - low);
}

export const median = (samples) => percentile(samples, 0.5);

const decode = (text) => {
  const bytes = Buffer.from(text, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const best = (scores) => scores.reduce((top, score, i) => (score > scores[top] ? i : top), 0);
const bare = (name) => name.replace(/:0$/, '');

// The output of `outputs` that is meant by the reference's one, or undefined: the only one, or of the same name.
const counterpart = (outputs, { name }, alone) =>
  alone && outputs.length === 1 ? outputs[0] : outputs.find((output) => bare(output.name) === bare(name));

/**
 * How far answers are from the reference's: the largest difference as a part of the output's range, and for how many
 * inputs the highest score is at the same place. Null where outputs cannot be told apart or differ in size.
 */
export function agreement(answers, reference) {
  let difference = 0;
  let same = 0;
  for (let i = 0; i < reference.length; ++i) {
    let matches = true;
    for (const output of reference[i]) {
      const expected = decode(output.data);
      const found = counterpart(answers[i], output, reference[i].length === 1);
      const actual = found && decode(found.data);
      if (actual?.length !== expected.length) return null;
      let [low, high, largest] = [Infinity, -Infinity, 0];
      for (let k = 0; k < expected.length; ++k) {
        low = Math.min(low, expected[k]);
        high = Math.max(high, expected[k]);
        const distance = Math.abs(actual[k] - expected[k]);
        largest = Number.isNaN(distance) ? Infinity : Math.max(largest, distance);
      }
      difference = Math.max(difference, largest / (high - low || 1));
      matches &&= best(actual) === best(expected);
    }
    same += matches ? 1 : 0;
  }
  return { difference, same_top: same, inputs: reference.length };
}
