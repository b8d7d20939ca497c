/** `count` reproducible numbers from low (included) to high (excluded): xorshift32 (Marsaglia 2003). */
export function randomNumbers(count, [low, high], seed) {
  const numbers = new Float32Array(count);
  let state = Math.imul(seed + 1, 0x9e3779b9) || 1;
  for (let i = 0; i < count; ++i) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    numbers[i] = low + (high - low) * ((state >>> 0) / 2 ** 32);
  }
  return numbers;
}
