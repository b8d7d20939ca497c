// x * scale + offset of pixel values, per channel.
const normalisations = {
  unit: [[1 / 255], [0]],
  pm1: [[1 / 127.5], [-1]],
  raw: [[1], [0]],
  imagenet: [[0.229, 0.224, 0.225].map((deviation) => 1 / 255 / deviation), [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]],
};

/** The centre square of a photo (0.875 of the shorter side), scaled to [1,H,W,3] and normalised. */
export async function photoNumbers(url, [, height, width], normalisation) {
  const image = await createImageBitmap(await (await fetch(url)).blob());
  const side = 0.875 * Math.min(image.width, image.height);
  const context = new OffscreenCanvas(width, height).getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const [scale, offset] = normalisations[normalisation];
  const at = (list, channel) => list[channel % list.length];
  return Float32Array.from({ length: height * width * 3 }, (_, i) => {
    const channel = i % 3;
    return data[((i - channel) / 3) * 4 + channel] * at(scale, channel) + at(offset, channel);
  });
}

/** `count` reproducible numbers from low (included) to high (excluded): xorshift32 (Marsaglia 2003). */
export function randomNumbers(count, [low, high], seed) {
  const numbers = new Float32Array(count);
  let state = Math.imul(seed + 1, 0x9e3779b9) || 1;
  for (let i = 0; i < count; ++i) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    numbers[i] = low + (high - low) * ((state >>> 0) / 2 ** 32);
  }
  return numbers;
}
