// The page: shows, and knows nothing of models.
import type { BackendChoice, Model } from 'linnet';
import type { Answer } from './answers.js';
import { splitLabel } from './labels.js';
import type { Timings } from './timings.js';

export type State = 'idle' | 'loading' | 'warming' | 'ready' | 'live' | 'error';

const stateWords: Record<State, string> = {
  idle: 'No model',
  loading: 'Loading',
  warming: 'Warming up',
  ready: 'Ready',
  live: 'Live',
  error: 'Problem',
};

export function byId<T extends HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page lacks #${id}`);
  return element as T;
}

const variantWords: Record<string, string> = { simd: 'SIMD', relaxed: 'Relaxed SIMD' };
const percent = (probability: number) => `${(100 * probability).toFixed(probability < 0.0995 ? 1 : 0)}\u00a0%`;
const milliseconds = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)}\u00a0ms`;
const size = (bytes: number) =>
  bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)}\u00a0kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)}\u00a0MB`;

interface Row {
  readonly item: HTMLLIElement;
  readonly name: HTMLElement;
  readonly others: HTMLElement;
  readonly value: HTMLElement;
  readonly bar: HTMLElement;
}

const element = (tag: string, className: string, parent: HTMLElement) => {
  const made = document.createElement(tag);
  made.className = className;
  return parent.appendChild(made);
};

export class View {
  readonly #state = byId('state');
  readonly #progress = byId<HTMLProgressElement>('progress');
  readonly #problem = byId('problem');
  readonly #spoken = byId('spoken');
  readonly #list = byId<HTMLOListElement>('answers');
  readonly #rows: Row[] = [];
  #spokenAt = -Infinity;
  #spokenText = '';

  setState(state: State, words = stateWords[state]): void {
    this.#state.dataset['state'] = state;
    // Only a change of words is worth announcing.
    const text = this.#state.firstElementChild!;
    if (text.textContent !== words) text.textContent = words;
    const busy = state === 'loading' || state === 'warming';
    this.#progress.hidden = !busy;
    if (state === 'warming') this.#progress.removeAttribute('value');
    document.body.toggleAttribute('data-busy', busy);
    byId('empty').textContent = busy ? 'The model is on its way.' : 'Load a model to see what it makes of the picture.';
    byId('loaded').textContent = '';
  }

  /** How many bytes have come, of how many; of 0 while that is not known. */
  setProgress(loaded: number, total: number): void {
    if (total > 0) this.#progress.value = loaded / total;
    else this.#progress.removeAttribute('value');
    byId('loaded').textContent = total > 0 ? `${size(loaded)} of ${size(total)}` : '';
  }

  showProblem(text: string | null): void {
    this.#problem.hidden = text === null;
    this.#problem.textContent = text;
  }

  showAnswers(answers: readonly Answer[], labelOf: (index: number) => string, live: boolean): void {
    byId('empty').hidden = answers.length > 0;
    while (this.#rows.length < answers.length) this.#rows.push(this.#makeRow());
    this.#rows.forEach((row, place) => {
      const answer = answers[place];
      row.item.hidden = !answer;
      if (!answer) return;
      const { name, others } = splitLabel(labelOf(answer.index));
      row.name.textContent = name;
      row.others.textContent = others;
      row.value.textContent = percent(answer.probability);
      row.bar.style.transform = `scaleX(${Math.max(0.004, answer.probability).toFixed(4)})`;
    });
    const [best] = answers;
    if (best) this.#speak(splitLabel(labelOf(best.index)).name, best.probability, live);
  }

  showTimes(timings: Timings, rate: string): void {
    byId('p50').textContent = milliseconds(timings.quantile(0.5));
    byId('p95').textContent = milliseconds(timings.quantile(0.95));
    byId('rate').textContent = rate;
  }

  showModel(name: string, model: Model, note: string): void {
    byId('figures').hidden = false;
    byId('model-name').textContent = note ? `${name} (${note})` : name;
    byId('engine').textContent = variantWords[model.variant.replace('-threads', '')]!;
    byId('threads').textContent = `WebAssembly, ${model.threads === 1 ? '1\u00a0thread' : `${model.threads}\u00a0threads`}`;
    const { total, weights, arena } = model.memory();
    byId('memory').textContent = size(total);
    byId('arena').textContent = `weights ${size(weights)}, arena ${size(arena)}`;
    // A model that looks at the whole picture gets it shown whole.
    const { fit } = model.metadata;
    byId('stage').classList.toggle('whole', fit === 'stretch' || fit === 'letterbox');
  }

  /** Which backend answers and why; null where there was nothing to choose. */
  showChoice(choice: BackendChoice | null): void {
    byId('choice-row').hidden = choice === null;
    if (!choice) return;
    // The engine's words: the backend, then its reason.
    const comma = choice.reason.search(/[,;]/);
    byId('backend').textContent = comma < 0 ? choice.reason : choice.reason.slice(0, comma);
    byId('choice').textContent = comma < 0 ? '' : choice.reason.slice(comma + 2);
  }

  #makeRow(): Row {
    const item = element('li', 'answer', this.#list) as HTMLLIElement;
    const words = element('span', 'words', item);
    const name = element('span', 'name', words);
    const others = element('span', 'others', words);
    const value = element('span', 'value', item);
    const track = element('span', 'track', item);
    return { item, name, others, value, bar: element('span', 'bar', track) };
  }

  // Tells a screen reader the best answer; of a camera's, only another one, and not more often than one can listen to.
  #speak(name: string, probability: number, live: boolean): void {
    const now = performance.now();
    if (live && (name === this.#spokenText || now - this.#spokenAt < 2500)) return;
    this.#spokenAt = now;
    this.#spokenText = name;
    this.#spoken.textContent = `${name}, ${percent(probability)}`;
  }
}
