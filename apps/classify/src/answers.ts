// From a model's scores to probabilities and the best of them.

export interface Answer {
  readonly index: number;
  readonly probability: number;
}

/**
 * Scores as probabilities, written to `out`: as they are where they are probabilities already (none negative, sum 1),
 * else through softmax.
 */
export function toProbabilities(scores: ArrayLike<number>, out: Float32Array): void {
  let sum = 0;
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < scores.length; ++i) {
    const score = scores[i]!;
    sum += score;
    if (score < least) least = score;
    if (score > most) most = score;
  }
  if (least >= 0 && Math.abs(sum - 1) < 1e-2) {
    for (let i = 0; i < scores.length; ++i) out[i] = scores[i]!;
    return;
  }
  let total = 0;
  for (let i = 0; i < scores.length; ++i) total += out[i] = Math.exp(scores[i]! - most);
  for (let i = 0; i < scores.length; ++i) out[i]! /= total;
}

/** The `count` largest, best first. */
export function top(probabilities: Float32Array, count: number): Answer[] {
  const best: Answer[] = [];
  for (let index = 0; index < probabilities.length; ++index) {
    const probability = probabilities[index]!;
    if (best.length === count && probability <= best[count - 1]!.probability) continue;
    let place = best.length;
    while (place > 0 && best[place - 1]!.probability < probability) --place;
    best.splice(place, 0, { index, probability });
    if (best.length > count) best.pop();
  }
  return best;
}

/** Eases from frame to frame, so that live answers can be read. */
export class Smoother {
  #kept: Float32Array | null = null;

  /** Mixes `probabilities` with what came before, in place. */
  next(probabilities: Float32Array): void {
    const kept = this.#kept;
    if (!kept || kept.length !== probabilities.length) {
      this.#kept = probabilities.slice();
      return;
    }
    for (let i = 0; i < kept.length; ++i) probabilities[i] = kept[i]! += 0.4 * (probabilities[i]! - kept[i]!);
  }

  reset(): void {
    this.#kept = null;
  }
}
