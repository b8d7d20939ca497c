// Seeds of the binary parsers: images and .npy files. Chromium draws and encodes the JPEGs and WebPs.
import { crc32, deflateSync } from 'node:zlib';

import { chromium } from 'playwright-core';

const u32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** A PNG of `bits` per sample and PNG's colour type `colour`; `rows` are the unfiltered lines. */
function png(width, height, bits, colour, rows, extra = []) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    return Buffer.concat([u32(data.length), body, u32(crc32(body))]);
  };
  const header = Buffer.concat([u32(width), u32(height), Buffer.from([bits, colour, 0, 0, 0])]);
  const lines = Buffer.concat(rows.map((row) => Buffer.concat([Buffer.from([0]), Buffer.from(row)])));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...extra.map(([type, data]) => chunk(type, Buffer.from(data))),
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A JPEG with an EXIF block that says how it is turned. */
function withOrientation(jpeg, orientation) {
  const tiff = Buffer.from([
    ...Buffer.from('Exif\0\0II', 'latin1'), 42, 0, 8, 0, 0, 0,
    1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0,
  ]);
  const length = tiff.length + 2;
  return Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe1, length >> 8, length & 255]), tiff, jpeg.subarray(2)]);
}

async function drawn(types) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  const page = await browser.newPage();
  const encoded = await page.evaluate((wanted) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [10, 7];
    const context = canvas.getContext('2d');
    const gradient = context.createLinearGradient(0, 0, 10, 7);
    gradient.addColorStop(0, 'orange');
    gradient.addColorStop(1, 'navy');
    context.fillStyle = gradient;
    context.fillRect(0, 0, 10, 7);
    return wanted.map(([type, quality]) => canvas.toDataURL(type, quality).split(',')[1]);
  }, types);
  await browser.close();
  return encoded.map((text) => Buffer.from(text, 'base64'));
}

export async function imageSeeds() {
  const [jpeg, webp, lossless, plain] = await drawn([
    ['image/jpeg', 0.8],
    ['image/webp', 0.8],
    ['image/webp', 1],
    ['image/png', 1],
  ]);
  return {
    'photo.jpg': jpeg,
    'turned.jpg': withOrientation(jpeg, 6),
    'truncated.jpg': jpeg.subarray(0, jpeg.length >> 1),
    'photo.webp': webp,
    'lossless.webp': lossless,
    'truncated.webp': webp.subarray(0, webp.length >> 1),
    'photo.png': plain,
    'gray16.png': png(2, 2, 16, 0, [[0, 1, 128, 0], [255, 255, 9, 9]]),
    'palette.png': png(4, 2, 2, 3, [[0x1b], [0xe4]], [['PLTE', [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]]]),
    'alpha.png': png(1, 2, 8, 6, [[1, 2, 3, 4], [5, 6, 7, 8]]),
    'no_pixels.png': png(0, 2, 8, 2, [[], []]),
    'huge.png': png(0x7fffffff, 0x7fffffff, 8, 2, [[]]),
    'truncated.png': plain.subarray(0, plain.length >> 1),
    'text.txt': Buffer.from('no image'),
    empty: Buffer.alloc(0),
  };
}

/** A .npy file of `version` with the header text and data given. */
function npy(header, data, version = 1) {
  const text = `${header}${' '.repeat(63 - ((header.length + 10) % 64))}\n`;
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.from([version, 0, ...length]),
    Buffer.from(text, 'latin1'),
    Buffer.from(data.buffer ?? data),
  ]);
}

const header = (type, shape, order = 'False') => `{'descr': '${type}', 'fortran_order': ${order}, 'shape': ${shape}, }`;

export const npySeeds = () => ({
  f32: npy(header('<f4', '(2, 3)'), new Float32Array([1, 2, 3, -4, 5.5, NaN])),
  i32: npy(header('<i4', '(3,)'), new Int32Array([1, -2, 3])),
  i64: npy(header('<i8', '(2,)'), new BigInt64Array([1n, -2n])),
  f64: npy(header('<f8', '(2,)'), new Float64Array([0.5, 1e300])),
  u8: npy(header('|u1', '(4,)'), new Uint8Array([1, 2, 3, 255])),
  bool: npy(header('|b1', '(1, 2)'), new Uint8Array([0, 1])),
  scalar: npy(header('<f4', '()'), new Float32Array([7])),
  none: npy(header('<f4', '(0, 4)'), new Float32Array([])),
  version2: npy(header('<f4', '(1,)'), new Float32Array([1]), 2),
  fortran: npy(header('<f4', '(2, 1)', 'True'), new Float32Array([1, 2])),
  big_endian: npy(header('>f4', '(1,)'), new Float32Array([1])),
  short_data: npy(header('<f4', '(100, 100)'), new Float32Array([1])),
  overflow: npy(header('<f4', '(4294967296, 4294967296)'), new Float32Array([1])),
  negative: npy(header('<f4', '(-1,)'), new Float32Array([1])),
});
