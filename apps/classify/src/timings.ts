// The latest frames' durations, and their quantiles.
const kept = 120;

export class Timings {
  readonly #values = new Float64Array(kept);
  readonly #sorted = new Float64Array(kept);
  #count = 0;

  add(milliseconds: number): void {
    this.#values[this.#count++ % kept] = milliseconds;
  }

  reset(): void {
    this.#count = 0;
  }

  get count(): number {
    return Math.min(this.#count, kept);
  }

  /** By nearest rank, NaN while there is none; 0.5 is the median. */
  quantile(part: number): number {
    const count = this.count;
    if (count === 0) return NaN;
    this.#sorted.set(this.#values);
    return this.#sorted.subarray(0, count).sort()[Math.max(0, Math.ceil(part * count) - 1)]!;
  }
}
