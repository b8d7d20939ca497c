// The one page of all measurements. It does nothing until it is asked, so that its memory before is a blank page's.
import { photoNumbers, randomNumbers } from '/inputs.js';

const now = () => performance.now();
let session, feeds;

const inputsOf = (inputs, range, seed) =>
  inputs.map(({ name, shape }, i) => {
    const count = shape.reduce((product, dim) => product * dim, 1);
    return { name, shape, data: randomNumbers(count, range, seed * 16 + i) };
  });

const toBase64 = ({ buffer, byteOffset, byteLength }) => {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
};

/** Loads a model with a peer. Gives the milliseconds from the first byte of its code to a model that can run. */
async function open({ adapter, ...config }) {
  const start = now();
  const { open: openWith } = await import(`/peers/${adapter}.js`);
  session = await openWith(config);
  const { inputs, outputs, figures } = session;
  return { load: now() - start, inputs, outputs, figures };
}

/** Times the first run, then runs to warm up, then `runs` of them, or fewer where they take longer than `seconds`. */
async function measure({ inputs, range, warmUpSeconds, warmUpRuns, runs, seconds }) {
  feeds = session.prepare(inputsOf(inputs, range, 0));
  const timed = async () => {
    const start = now();
    await session.run(feeds);
    return now() - start;
  };
  const first = await timed();
  const warm = now() + warmUpSeconds * 1000;
  for (let i = 0; i < warmUpRuns || now() < warm; ++i) await session.run(feeds);
  const end = now() + seconds * 1000;
  const times = [];
  const inside = [];
  while (times.length < runs && (times.length < 3 || now() < end)) {
    times.push(await timed());
    if (session.inside) inside.push(session.inside());
  }
  return { first, times, inside };
}

/** Where the time of the runs goes, node by node, after runs to warm up. */
async function profile({ inputs, range, warmUpSeconds, profiledRuns }) {
  feeds = session.prepare(inputsOf(inputs, range, 0));
  for (const end = now() + warmUpSeconds * 1000; now() < end; ) await session.run(feeds);
  // The first profile warms up the code that takes the times.
  await session.profile(feeds, 10);
  return session.profile(feeds, profiledRuns);
}

/**
 * The outputs for each sample: lists of { name, data } with the elements as base64 of f32. A sample is the seed of random
 * inputs, or the address of a photo, which `photos` says how to normalise.
 */
async function answers({ inputs, range, photos, samples }) {
  const all = [];
  for (const sample of samples) {
    const given =
      typeof sample === 'number'
        ? inputsOf(inputs, range, sample)
        : [{ ...inputs[0], data: await photoNumbers(sample, inputs[0].shape, photos) }];
    const outputs = await session.run(session.prepare(given));
    const numbers = (name) => (session.decode ? session.decode(name, outputs[name]) : outputs[name]);
    all.push(session.outputs.map((name) => ({ name, data: toBase64(Float32Array.from(numbers(name))) })));
  }
  return all;
}

// A millisecond or so of each loop: long for the clock, short beside what other work interrupts.
const peakRounds = 1_000_000;

/** What one core reaches in `milliseconds` of each loop of peak.wasm, in 1e9 operations a second: the best of many tries. */
async function peaks({ milliseconds }) {
  const { instance } = await WebAssembly.instantiateStreaming(fetch('/peers/peak.wasm'));
  instance.exports._initialize?.();
  const best = (loop) => {
    let highest = 0;
    for (const end = now() + milliseconds; now() < end; ) {
      const start = now();
      const operations = loop(peakRounds);
      highest = Math.max(highest, operations / (now() - start) / 1e6);
    }
    return highest;
  };
  return { fma: best(instance.exports.fma_peak), dot: best(instance.exports.dot_peak) };
}

globalThis.bench = { open, measure, profile, answers, peaks };
