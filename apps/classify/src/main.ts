// The live classifier: joins camera, pictures, model and page.
import { type ImageInput, LinnetError } from 'linnet';
import { Camera, cameraProblem } from './camera.js';
import { Classifier, type Location } from './classifier.js';
import { acceptDrops } from './drop.js';
import { markSample, type Sample, samples, showSamples } from './samples.js';
import { Timings } from './timings.js';
import { byId, View } from './view.js';

const view = new View();
const timings = new Timings();
const video = byId<HTMLVideoElement>('video');
const image = byId<HTMLImageElement>('image');
const cameraButton = byId<HTMLButtonElement>('camera');
const modelUrl = byId<HTMLInputElement>('model-url');
const camera = new Camera(video);
const safeMode = byId<HTMLInputElement>('safe-mode');
const query = new URLSearchParams(location.search);

let classifier: Classifier | null = null;
let loading: AbortController | null = null;
let place: Location | null = null;
let pictureUrl: string | null = null;
// What the stage shows, where that is a picture.
let hasPicture = false;
let startingCamera = false;
let timesShownAt = 0;

const words = (error: unknown) => (error instanceof Error ? error.message : String(error));

function restingState(): void {
  if (loading) return;
  view.setState(classifier ? (camera.running ? 'live' : 'ready') : 'idle');
}

// --- Answers

async function classify(input: ImageInput, live: boolean): Promise<void> {
  const current = classifier;
  if (!current) return;
  const answers = await current.classify(input, live);
  if (current !== classifier) return;
  const { prepare, run } = current.model.timing;
  timings.add(prepare + run);
  view.showAnswers(answers, (index) => current.labelOf(index), live);
  const now = performance.now();
  if (live && now - timesShownAt < 250) return;
  view.showTimes(timings, live ? frameRate(now) : 'still picture');
  timesShownAt = now;
}

const frameEnds: number[] = [];
function frameRate(now: number): string {
  const count = frameEnds.length - 1;
  const span = now - (frameEnds[0] ?? now);
  return count > 0 && span > 0 ? `${((1000 * count) / span).toFixed(0)} per second` : '–';
}

async function guarded(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    // A model that was replaced while it ran is no problem.
    if (LinnetError.is(error) && error.code === 'Disposed') return;
    view.showProblem(words(error));
    if (LinnetError.is(error) && error.code === 'EngineFailed') {
      classifier = null;
      view.setState('error');
    }
  }
}

// --- Pictures

async function showPicture(source: string, description: string): Promise<void> {
  stopCamera();
  image.src = source;
  image.alt = description;
  try {
    await image.decode();
  } catch {
    hasPicture = false;
    image.hidden = true;
    view.showProblem(`${description} is no picture that this browser can show. JPEG, PNG, WebP and SVG will do.`);
    return;
  }
  if (image.src !== new URL(source, document.baseURI).href) return; // another one came meanwhile
  hasPicture = true;
  image.hidden = false;
  video.hidden = true;
  view.showProblem(null);
  timings.reset();
  await guarded(() => classify(image, false));
}

function showSample(sample: Sample): Promise<void> {
  markSample(sample);
  return showPicture(sample.file, sample.title);
}

function showFile(file: File): Promise<void> {
  markSample(null);
  if (pictureUrl) URL.revokeObjectURL(pictureUrl);
  pictureUrl = URL.createObjectURL(file);
  return showPicture(pictureUrl, file.name);
}

// --- Camera

function stopCamera(): void {
  camera.stop();
  video.hidden = true;
  image.hidden = !hasPicture;
  cameraButton.setAttribute('aria-pressed', 'false');
  cameraButton.lastElementChild!.textContent = 'Start camera';
  restingState();
}

async function startCamera(): Promise<void> {
  // A disabled button would lose the focus, so a second press is ignored in place of that.
  if (startingCamera) return;
  startingCamera = true;
  view.showProblem(null);
  try {
    await camera.start(stopCamera, safeMode.checked);
  } catch (error) {
    camera.stop();
    view.showProblem(cameraProblem(error));
    return;
  } finally {
    startingCamera = false;
  }
  markSample(null);
  video.hidden = false;
  image.hidden = true;
  cameraButton.setAttribute('aria-pressed', 'true');
  cameraButton.lastElementChild!.textContent = 'Stop camera';
  timings.reset();
  frameEnds.length = 0;
  restingState();
  await guarded(() =>
    camera.eachFrame(async (frame) => {
      if (!classifier) return frame.close();
      frameEnds.push(performance.now());
      if (frameEnds.length > 60) frameEnds.shift();
      await classify(frame, true);
    }),
  );
}

// --- Models

async function load(from: Location): Promise<void> {
  loading?.abort();
  place = from;
  const mine = new AbortController();
  loading = mine;
  view.showProblem(null);
  view.setState('loading');
  view.setProgress(0, 0);
  const threads = Number(query.get('threads'));
  let fresh: Classifier | null = null;
  try {
    fresh = await Classifier.load(from, {
      threads: threads > 0 ? threads : undefined,
      safeMode: safeMode.checked,
      onChoice: (choice) => {
        if (fresh && fresh === classifier) view.showChoice(choice);
      },
      signal: mine.signal,
      onProgress: ({ phase, loadedBytes, totalBytes }) => {
        if (loading !== mine) return;
        if (phase === 'compile') return view.setState('warming');
        view.setProgress(loadedBytes, totalBytes);
      },
    });
    view.setState('warming');
    // The first run meets code that the browser has not optimised yet.
    await fresh.classify(new ImageData(8, 8), false);
  } catch (error) {
    if (fresh) void fresh.dispose();
    if (loading !== mine) return;
    loading = null;
    view.showProblem(words(error));
    view.setState(classifier ? (camera.running ? 'live' : 'ready') : 'error');
    return;
  }
  if (loading !== mine) return void fresh.dispose();
  loading = null;
  const previous = classifier;
  classifier = fresh;
  void previous?.dispose();
  timings.reset();
  view.showModel(fresh.name, fresh.model, fresh.hasLabels ? '' : 'no labels');
  view.showChoice(fresh.model.choice);
  restingState();
  if (!camera.running && hasPicture) await guarded(() => classify(image, false));
}

function takeFiles(files: readonly File[]): void {
  if (files.some(({ name }) => name.endsWith('.json'))) return void load({ kind: 'files', files });
  const picture = files.find(({ type }) => type.startsWith('image/')) ?? files[0];
  if (picture) void showFile(picture);
}

// The page's own settings: config.json beside it, overruled by the address's query.
async function settings(): Promise<{ model?: string; labels?: string }> {
  let config: { model?: string; labels?: string } = {};
  try {
    const response = await fetch('config.json');
    if (response.ok) config = (await response.json()) as typeof config;
  } catch {
    // There is none.
  }
  const model = query.get('model');
  if (!model) return config;
  const labels = query.get('labels');
  return labels ? { model, labels } : { model };
}

// --- The page

showSamples((sample) => void showSample(sample));
acceptDrops(byId('drop'), takeFiles);
cameraButton.addEventListener('click', () => (camera.running ? stopCamera() : void startCamera()));
for (const id of ['photo', 'folder']) {
  const input = byId<HTMLInputElement>(id);
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = ''; // so that the same choice counts again
    if (files.length > 0) takeFiles(files);
  });
}
byId('model-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void load({ kind: 'url', url: modelUrl.value });
});
safeMode.checked = query.has('safe');
safeMode.addEventListener('change', () => {
  if (place) void load(place);
  if (camera.running) {
    stopCamera();
    void startCamera();
  }
});
addEventListener('pagehide', () => camera.stop());

void showSample(samples[0]!);
const { model, labels } = await settings();
if (model) {
  modelUrl.value = new URL(model, document.baseURI).href;
  void load({ kind: 'url', url: model, labels });
} else {
  byId<HTMLDetailsElement>('model-panel').open = true;
}
