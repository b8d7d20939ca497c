// A loaded model as a classifier: which output, which labels.
import { type BackendChoice, type ImageInput, LinnetError, loadModel, type Model, type NamedArrays, type Progress, type TensorInfo } from 'linnet';
import { type Answer, Smoother, toProbabilities, top } from './answers.js';
import { labelsOfMetadata, parseLabels } from './labels.js';

export type Location =
  | { readonly kind: 'url'; readonly url: string; readonly labels?: string | undefined }
  | { readonly kind: 'files'; readonly files: readonly File[] };

export interface ClassifierOptions {
  readonly threads?: number | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  readonly onChoice: (choice: BackendChoice) => void;
  readonly safeMode: boolean;
}

const answersShown = 5;

// The output that says how likely each class is: [1,N].
function findScores(outputs: readonly TensorInfo[]): TensorInfo {
  const scores = outputs.find(({ shape, dtype }) => dtype === 'f32' && shape.length === 2 && shape[0] === 1 && shape[1]! > 1);
  if (scores) return scores;
  const list = outputs.map(({ name, shape }) => `'${name}' [${shape.join(',')}]`).join(', ');
  throw new LinnetError('ShapeMismatch', `this is no classifier: none of its outputs is a list of classes (${list})`);
}

function checkInput(inputs: readonly TensorInfo[]): void {
  const [input] = inputs;
  const channels = input?.shape[3];
  if (inputs.length === 1 && input!.shape.length === 4 && (channels === 3 || channels === 1)) return;
  const list = inputs.map(({ name, shape }) => `'${name}' [${shape.join(',')}]`).join(', ');
  throw new LinnetError('ShapeMismatch', `this model does not take one image: its inputs are ${list}`);
}

async function textAt(url: string): Promise<string | null> {
  try {
    const response = await fetch(url);
    const isText = !response.headers.get('content-type')?.includes('html');
    return response.ok && isText ? await response.text() : null;
  } catch {
    return null;
  }
}

async function readLabels(location: Location, model: Model, classes: number): Promise<string[] | null> {
  let text: string | null | undefined;
  if (location.kind === 'files') {
    text = await location.files.find(({ name }) => name === 'labels.txt')?.text();
  } else {
    const url = new URL(location.url, document.baseURI);
    const beside = new URL('labels.txt', url.pathname.endsWith('.json') ? url : `${url.href.replace(/\/?$/, '/')}`);
    text = await textAt(location.labels ? new URL(location.labels, document.baseURI).href : beside.href);
  }
  return (text && parseLabels(text, classes)) || labelsOfMetadata(model.metadata, classes);
}

export class Classifier {
  readonly #smoother = new Smoother();
  readonly #probabilities: Float32Array;
  #last: NamedArrays | null = null;

  private constructor(
    readonly model: Model,
    readonly name: string,
    private readonly scores: TensorInfo,
    private readonly labels: readonly string[] | null,
  ) {
    this.#probabilities = new Float32Array(scores.shape[1]!);
  }

  static async load(location: Location, options: ClassifierOptions): Promise<Classifier> {
    const { signal, onProgress, onChoice, safeMode, threads } = options;
    const model = await loadModel(location.kind === 'url' ? location.url : location.files, {
      signal,
      onProgress,
      onChoice,
      safeMode,
      ...(threads === undefined ? {} : { threads }),
    });
    try {
      checkInput(model.inputs);
      const scores = findScores(model.outputs);
      return new Classifier(model, nameOf(location, model), scores, await readLabels(location, model, scores.shape[1]!));
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  get hasLabels(): boolean {
    return this.labels !== null;
  }

  labelOf(index: number): string {
    return this.labels?.[index] ?? `class ${index}`;
  }

  /** One image's answers. `live` eases them in from those of the frame before. */
  async classify(image: ImageInput, live: boolean): Promise<Answer[]> {
    const outputs = await this.model.runImage(image, this.#last ? { recycle: this.#last } : {});
    this.#last = outputs;
    toProbabilities(outputs[this.scores.name]!, this.#probabilities);
    if (live) this.#smoother.next(this.#probabilities);
    else this.#smoother.reset();
    return top(this.#probabilities, answersShown);
  }

  dispose(): Promise<void> {
    return this.model.dispose();
  }
}

function nameOf(location: Location, model: Model): string {
  if (typeof model.metadata['model'] === 'string') return model.metadata['model'];
  const path = location.kind === 'url' ? new URL(location.url, document.baseURI).pathname : (location.files[0]?.webkitRelativePath ?? '');
  const parts = path.split('/').filter((part) => part !== '' && !part.endsWith('.json'));
  return parts.at(-1) ?? 'model';
}
