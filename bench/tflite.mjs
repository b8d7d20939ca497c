// What a .tflite file says of its inputs' and outputs' codes. The layout is TensorFlow Lite's schema.fbs in FlatBuffers.
import { readFileSync } from 'node:fs';

/**
 * { inputs, outputs } of the file's only graph: for each tensor { scale, zero } with value = (code - zero) * scale, or
 * null for one that is not quantised.
 */
export function codesOf(path) {
  const bytes = readFileSync(path);
  const u32 = (at) => bytes.readUInt32LE(at);
  const follow = (at) => at + u32(at);
  // The place of a table's field, 0 where it has its default.
  const field = (table, index) => {
    const layout = table - bytes.readInt32LE(table);
    const entry = 4 + 2 * index;
    const offset = entry < bytes.readUInt16LE(layout) ? bytes.readUInt16LE(layout + entry) : 0;
    return offset && table + offset;
  };
  const vector = (table, index, size) => {
    const at = field(table, index);
    if (!at) return [];
    const start = follow(at);
    return Array.from({ length: u32(start) }, (_, i) => start + 4 + size * i);
  };
  const model = follow(0);
  const graph = follow(vector(model, 2, 4)[0]);
  const tensors = vector(graph, 0, 4).map(follow);
  const describe = (at) => {
    const quantization = field(tensors[u32(at)], 4);
    if (!quantization) return null;
    const [scale] = vector(follow(quantization), 2, 4);
    const [zero] = vector(follow(quantization), 3, 8);
    return scale ? { scale: bytes.readFloatLE(scale), zero: Number(bytes.readBigInt64LE(zero)) } : null;
  };
  return { inputs: vector(graph, 1, 4).map(describe), outputs: vector(graph, 2, 4).map(describe) };
}
