// Films for Chromium's fake camera, in YUV4MPEG2.

/** A film of `frames`, each `{rgba, times}`: the picture's bytes and for how many tenths of a second it shows. */
export function film(frames, width, height) {
  const chunks = [Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`)];
  const marker = Buffer.from('FRAME\n');
  for (const { rgba, times } of frames) {
    const frame = yuv420(rgba, width, height);
    for (let i = 0; i < times; ++i) chunks.push(marker, frame);
  }
  return Buffer.concat(chunks);
}

/** The bytes of a picture of one colour. */
export function plain([red, green, blue], width, height) {
  return Buffer.alloc(4 * width * height, Buffer.of(red, green, blue, 255));
}

// Full-range BT.601; each 2 x 2 block has the chroma of its first pixel.
function yuv420(rgba, width, height) {
  const pixels = width * height;
  const out = Buffer.alloc((pixels * 3) / 2);
  const byte = (value) => Math.min(255, Math.max(0, Math.round(value)));
  for (let i = 0; i < pixels; ++i)
    out[i] = byte(0.299 * rgba[4 * i] + 0.587 * rgba[4 * i + 1] + 0.114 * rgba[4 * i + 2]);
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x += 2) {
      const [r, g, b] = rgba.subarray(4 * (y * width + x));
      const at = pixels + (y / 2) * (width / 2) + x / 2;
      out[at] = byte(128 - 0.168736 * r - 0.331264 * g + 0.5 * b);
      out[at + pixels / 4] = byte(128 + 0.5 * r - 0.418688 * g - 0.081312 * b);
    }
  }
  return out;
}
