// What the command's tests share: running it, a folder for files, a tiny model, PNGs and .npy files.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { writeNpy } from '../differential/tensors.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const builds = resolve(root, process.env.LINNET_BUILD_ROOT ?? 'build');
const command = join(builds, 'native-release/linnet');

/** Runs the command. Gives {code, stdout, stderr}; stdout is a Buffer where `binary`. */
export function linnet(...args) {
  const options = args.at(-1) && typeof args.at(-1) === 'object' ? args.pop() : {};
  return new Promise((done) => {
    execFile(
      command,
      args,
      { timeout: 60_000, encoding: options.binary ? 'buffer' : 'utf8', maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        if (error && typeof error.code !== 'number') throw error;
        done({ code: error?.code ?? 0, stdout, stderr: String(stderr) });
      },
    );
  });
}

/** A folder that goes away with the process. */
export function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'linnet-cli-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const int = (...values) => Buffer.from(Int32Array.from(values).buffer);
const float = (...values) => Buffer.from(Float32Array.from(values).buffer);
const type = (name) => ({ type: name });
const shape = (dims) => ({ dim: dims.map((size) => ({ size: String(size) })) });
const constant = (name, dtype, dims) => ({
  name,
  op: 'Const',
  attr: { dtype: type(dtype), value: { tensor: { dtype, tensorShape: shape(dims) } } },
});

/**
 * The model.json and weights of a classifier of colours: the mean of each channel of a 4 x 4 image, times `gain`, is
 * the score of red, green and blue.
 */
export function colourModel({ metadata, gain = 10 } = {}) {
  const nodes = [
    { name: 'image', op: 'Placeholder', attr: { dtype: type('DT_FLOAT'), shape: { shape: shape([-1, 4, 4, 3]) } } },
    constant('axes', 'DT_INT32', [2]),
    constant('weights', 'DT_FLOAT', [3, 3]),
    {
      name: 'mean',
      op: 'Mean',
      input: ['image', 'axes'],
      attr: { T: type('DT_FLOAT'), Tidx: type('DT_INT32'), keep_dims: { b: false } },
    },
    {
      name: 'scores',
      op: 'MatMul',
      input: ['mean', 'weights'],
      attr: { T: type('DT_FLOAT'), transpose_a: { b: false }, transpose_b: { b: false } },
    },
  ];
  const json = {
    format: 'graph-model',
    generatedBy: 'test',
    convertedBy: null,
    ...(metadata && { userDefinedMetadata: metadata }),
    signature: {
      inputs: { image: { name: 'image:0', dtype: 'DT_FLOAT', tensorShape: shape([-1, 4, 4, 3]) } },
      outputs: { scores: { name: 'scores:0', dtype: 'DT_FLOAT', tensorShape: shape([-1, 3]) } },
    },
    modelTopology: { node: nodes, library: {}, versions: { producer: 1 } },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: [
          { name: 'axes', shape: [2], dtype: 'int32' },
          { name: 'weights', shape: [3, 3], dtype: 'float32' },
        ],
      },
    ],
  };
  const weights = Buffer.concat([int(1, 2), float(gain, 0, 0, 0, gain, 0, 0, 0, gain)]);
  return { json, weights };
}

/** A colourModel whose scores are the means times `matrix`, nine numbers by rows. */
export function matrixModel(matrix, options) {
  const model = colourModel(options);
  return { ...model, weights: Buffer.concat([int(1, 2), float(...matrix)]) };
}

/** Writes a model into a new folder below `folder` and gives its path. */
export function writeModel(folder, name, { json, weights }, file = 'model.json') {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, file), typeof json === 'string' ? json : JSON.stringify(json));
  if (weights) writeFileSync(join(path, 'weights.bin'), weights);
  return path;
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** A PNG of one colour. */
export function png(width, height, [red, green, blue]) {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.of(0), ...Array(width).fill(Buffer.of(red, green, blue))]);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', zlib.deflateSync(Buffer.concat(Array(height).fill(row)))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A .npy file of float32. */
export const npy = (dims, values) => writeNpy(dims, Float32Array.from(values));

/** The float32 elements of a .npy file that the command wrote. */
export function npyValues(bytes) {
  const start = 10 + bytes.readUInt16LE(8);
  return [...new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length))];
}
