// Pictures that come with the page.
import { byId } from './view.js';

export interface Sample {
  readonly file: string;
  readonly title: string;
}

export const samples: readonly Sample[] = [
  { file: 'samples/clock.svg', title: 'Clock' },
  { file: 'samples/traffic_light.svg', title: 'Traffic light' },
  { file: 'samples/umbrella.svg', title: 'Umbrella' },
  { file: 'samples/balloon.svg', title: 'Balloon' },
];

/** Fills the row of samples; `choose` is called with the one that is picked. */
export function showSamples(choose: (sample: Sample) => void): void {
  const row = byId('samples');
  for (const sample of samples) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'sample';
    button.setAttribute('aria-pressed', 'false');
    const picture = document.createElement('img');
    picture.src = sample.file;
    picture.alt = sample.title;
    picture.width = picture.height = 64;
    button.append(picture);
    button.addEventListener('click', () => choose(sample));
    row.append(button);
  }
}

/** Marks the sample in use, or none. */
export function markSample(sample: Sample | null): void {
  [...byId('samples').children].forEach((button, i) =>
    button.setAttribute('aria-pressed', String(samples[i] === sample)),
  );
}
