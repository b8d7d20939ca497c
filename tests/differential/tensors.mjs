// Tensors as files and as numbers: NumPy's .npy format, and how far two results are apart.
import { readFile } from 'node:fs/promises';

const arrays = {
  '<f4': Float32Array,
  '<i4': Int32Array,
  '|i1': Int8Array,
  '|u1': Uint8Array,
  '|b1': Uint8Array,
};

/** Reads a .npy file in C order as `{shape, data, type}`; `type` is NumPy's, such as '<f4'. */
export async function readNpy(path) {
  const bytes = await readFile(path);
  if (bytes.toString('latin1', 0, 6) !== '\x93NUMPY') throw new Error(`${path} is no .npy file`);
  const start = bytes[6] === 1 ? 10 : 12;
  const length = bytes[6] === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  const header = bytes.toString('latin1', start, start + length);
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1].split(',').filter((dim) => dim.trim()).map(Number);
  if (!arrays[type] || !shape || !/'fortran_order':\s*False/.test(header))
    throw new Error(`${path}: cannot read arrays with the header ${header}`);
  const body = bytes.buffer.slice(bytes.byteOffset + start + length, bytes.byteOffset + bytes.length);
  const data = new arrays[type](body);
  if (data.length !== shape.reduce((a, b) => a * b, 1)) throw new Error(`${path}: wrong size for shape [${shape}]`);
  return { shape, data, type };
}

/** The bytes of a .npy file of a Float32Array or Int32Array. */
export function writeNpy(shape, data) {
  const header = `{'descr': '${data instanceof Int32Array ? '<i4' : '<f4'}', 'fortran_order': False, 'shape': (${shape.map((dim) => `${dim},`).join(' ')}), }\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header), Buffer.from(data.buffer)]);
}

/**
 * The largest difference of `actual` from `expected`, relative to the range (largest less smallest) of `expected`.
 * A difference where the range is 0 is taken relative to 1. Not a number anywhere gives Infinity.
 */
export function relativeError(actual, expected) {
  if (actual.length !== expected.length) return Infinity;
  let low = Infinity;
  let high = -Infinity;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (Number.isNaN(difference)) return Infinity;
    if (difference > largest) largest = difference;
    if (expected[i] < low) low = expected[i];
    if (expected[i] > high) high = expected[i];
  }
  return largest === 0 ? 0 : largest / (high > low ? high - low : 1);
}
