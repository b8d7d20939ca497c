#include "vision/rows.h"

#include <algorithm>

#include "simd/pixels.h"

namespace linnet {
namespace {

using simd::F32x4;
using simd::I16x8;
using simd::I32x4;
using simd::load_as;
using simd::U8x16;

constexpr size_t kVector = sizeof(U8x16);
constexpr size_t kPixel = 4;  // bytes

// Dot products with the two halves of weights.
struct Sums {
  I32x4 high{}, low{};

  void add(I16x8 values, I16x8 high_weights, I16x8 low_weights) {
    high += simd::dot_pairs(values, high_weights);
    low += simd::dot_pairs(values, low_weights);
  }
  I32x4 whole() const { return (high << Axis::kHalfBits) + low; }
};

// A sum over weights to a value with kFraction bits after the point. Rounded weights may add up to a little
// more than 1: narrowing to bytes clamps what exceeds 255.
template <int kFraction = 0>
I32x4 rounded(I32x4 sum) {
  constexpr int kDrop = Axis::kWeightBits - kFraction;
  return (sum + (1 << (kDrop - 1))) >> kDrop;
}

void blend_vector(const uint8_t* rows, ptrdiff_t stride, int taps, const int16_t* high, const int16_t* low,
                  uint8_t* out) {
  Sums sums[4];
  for (int k = 0; k < taps; k += 2) {
    const uint8_t* row = rows + k * stride;
    const auto a = load_as<U8x16>(row);
    // The weight beside an odd last one is 0.
    const auto b = load_as<U8x16>(k + 1 < taps ? row + stride : row);
    const I16x8 high_pair = simd::splat_pair(high + k), low_pair = simd::splat_pair(low + k);
    const U8x16 left = simd::zip_low(a, b), right = simd::zip_high(a, b);
    sums[0].add(simd::widen_low(left), high_pair, low_pair);
    sums[1].add(simd::widen_high(left), high_pair, low_pair);
    sums[2].add(simd::widen_low(right), high_pair, low_pair);
    sums[3].add(simd::widen_high(right), high_pair, low_pair);
  }
  const U8x16 bytes = simd::narrow(simd::narrow(rounded(sums[0].whole()), rounded(sums[1].whole())),
                                   simd::narrow(rounded(sums[2].whole()), rounded(sums[3].whole())));
  std::memcpy(out, &bytes, kVector);
}

// For rows that are shorter than a vector.
[[clang::minsize]] uint8_t blend_byte(const uint8_t* rows, ptrdiff_t stride, int taps, const int16_t* high,
                                      const int16_t* low) {
  int sum = 1 << (Axis::kWeightBits - 1);
#pragma clang loop vectorize(disable) unroll(disable)
  for (int k = 0; k < taps; ++k) sum += ((high[k] << Axis::kHalfBits) + low[k]) * rows[k * stride];
  return static_cast<uint8_t>(std::min(sum >> Axis::kWeightBits, 255));
}

// Partial sums of one output: of luma in all lanes, of chroma as u v u v.
I32x4 luma_sums(const uint8_t* samples, const int16_t* high, const int16_t* low, int taps) {
  Sums sums;
  for (int k = 0; k < taps; k += 8)
    sums.add(simd::load_widened(samples + k), load_as<I16x8>(high + k), load_as<I16x8>(low + k));
  return sums.whole();
}

I32x4 chroma_sums(const uint8_t* samples, const int16_t* high, const int16_t* low, int taps) {
  // Four weights: each pair of them for u and for v.
  const auto pairs = [](const int16_t* weights) {
    const auto two = load_as<int64_t>(weights);
    const I16x8 all = (I16x8)(int64_t __attribute__((vector_size(16)))){two, two};
    return __builtin_shufflevector(all, all, 0, 1, 0, 1, 2, 3, 2, 3);
  };
  Sums sums;
  for (int k = 0; k < taps; k += 4) {
    const I16x8 uv = simd::load_widened(samples + 2 * k);
    sums.add(__builtin_shufflevector(uv, uv, 0, 2, 1, 3, 4, 6, 5, 7), pairs(high + k), pairs(low + k));
  }
  return sums.whole();
}

}  // namespace

void blend_rows(const uint8_t* rows, ptrdiff_t stride, size_t bytes, const Axis& axis, int y, uint8_t* out) {
  const size_t output = static_cast<size_t>(y);
  const int16_t* high = &axis.high[output * axis.stride];
  const int16_t* low = &axis.low[output * axis.stride];
  if (bytes < kVector) {
    for (size_t at = 0; at < bytes; ++at) out[at] = blend_byte(rows + at, stride, axis.taps, high, low);
    return;
  }
  for (size_t at = 0; at < bytes; at += kVector) {
    if (at + kVector > bytes) at = bytes - kVector;  // the last vector overlaps the one before
    blend_vector(rows + at, stride, axis.taps, high, low, out + at);
  }
}

void interleave(const uint8_t* u, const uint8_t* v, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; i += kVector, out += 2 * kVector) {
    const auto some_u = load_as<U8x16>(u + i), some_v = load_as<U8x16>(v + i);
    const U8x16 left = simd::zip_low(some_u, some_v), right = simd::zip_high(some_u, some_v);
    std::memcpy(out, &left, kVector);
    std::memcpy(out + kVector, &right, kVector);
  }
}

void resize_rgbx(const uint8_t* row, const Axis& axis, uint8_t* out) {
  const int16_t* high = axis.high.data();
  const int16_t* low = axis.low.data();
  for (int x = 0; x < axis.size; ++x, high += axis.stride, low += axis.stride) {
    const uint8_t* pixel = row + static_cast<size_t>(axis.first[static_cast<size_t>(x)]) * kPixel;
    Sums sums;
    for (int k = 0; k < axis.taps; k += 2, pixel += 2 * kPixel) {
      const I16x8 two = simd::load_widened(pixel);
      sums.add(__builtin_shufflevector(two, two, 0, 4, 1, 5, 2, 6, 3, 7), simd::splat_pair(high + k),
               simd::splat_pair(low + k));
    }
    const I16x8 narrowed = simd::narrow(rounded(sums.whole()), I32x4{});
    const U8x16 bytes = simd::narrow(narrowed, narrowed);
    std::memcpy(out + static_cast<size_t>(x) * kPixel, &bytes, kPixel);
  }
}

void resize_luma(const uint8_t* row, const Axis& axis, int16_t* out) {
  const int16_t* high = axis.high.data();
  const int16_t* low = axis.low.data();
  for (int x = 0; x < axis.size; x += 4) {
    I32x4 parts[4];
    for (int i = 0; i < 4; ++i, high += axis.stride, low += axis.stride)
      parts[i] = luma_sums(row + axis.first[static_cast<size_t>(x + i)], high, low, axis.taps);
    const auto& [a, b, c, d] = parts;
    const I32x4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const I32x4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const I32x4 sums =
        __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    const I16x8 luma = simd::narrow(rounded<kYuvFraction>(sums), I32x4{});
    std::memcpy(out + x, &luma, 4 * sizeof(int16_t));
  }
}

void resize_chroma(const uint8_t* row, const Axis& axis, int16_t* u, int16_t* v) {
  const int16_t* high = axis.high.data();
  const int16_t* low = axis.low.data();
  for (int x = 0; x < axis.size; x += 4) {
    I32x4 parts[4];
    for (int i = 0; i < 4; ++i, high += axis.stride, low += axis.stride)
      parts[i] = chroma_sums(row + 2 * axis.first[static_cast<size_t>(x + i)], high, low, axis.taps);
    const auto& [a, b, c, d] = parts;
    const I32x4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const I32x4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const I32x4 all_u = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    const I32x4 all_v = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    const I16x8 uv = simd::narrow(rounded<kYuvFraction>(all_u), rounded<kYuvFraction>(all_v));
    std::memcpy(u + x, &uv, 4 * sizeof(int16_t));
    std::memcpy(v + x, reinterpret_cast<const int16_t*>(&uv) + 4, 4 * sizeof(int16_t));
  }
}

void yuv_to_rgbx(const int16_t* y, const int16_t* u, const int16_t* v, int count, const YuvToRgb& matrix,
                 uint8_t* out) {
  constexpr int kDrop = 13 + kYuvFraction;
  constexpr int kHalf = 1 << (kDrop - 1);
  const int luma = kHalf - (matrix.black * matrix.y << kYuvFraction);
  const auto bias = [&](int chroma) { return luma - (128 * chroma << kYuvFraction); };
  const auto both = [](int16_t first, int16_t second) {
    const int16_t pair[2] = {first, second};
    return simd::splat_pair(pair);
  };
  const I16x8 red_yv = both(matrix.y, matrix.red_v), green_yu = both(matrix.y, matrix.green_u);
  const I16x8 green_yv = both(0, matrix.green_v), blue_yu = both(matrix.y, matrix.blue_u);
  const int red_bias = bias(matrix.red_v), green_bias = bias(matrix.green_u + matrix.green_v);
  const int blue_bias = bias(matrix.blue_u);
  for (int i = 0; i < count; i += 8, out += 8 * kPixel) {
    const auto some_y = load_as<I16x8>(y + i), some_u = load_as<I16x8>(u + i), some_v = load_as<I16x8>(v + i);
    const I16x8 yu[2] = {simd::zip_low(some_y, some_u), simd::zip_high(some_y, some_u)};
    const I16x8 yv[2] = {simd::zip_low(some_y, some_v), simd::zip_high(some_y, some_v)};
    I32x4 red[2], green[2], blue[2];
    for (int half = 0; half < 2; ++half) {
      red[half] = (simd::dot_pairs(yv[half], red_yv) + red_bias) >> kDrop;
      green[half] =
          (simd::dot_pairs(yu[half], green_yu) + simd::dot_pairs(yv[half], green_yv) + green_bias) >> kDrop;
      blue[half] = (simd::dot_pairs(yu[half], blue_yu) + blue_bias) >> kDrop;
    }
    const I16x8 wide_blue = simd::narrow(blue[0], blue[1]);
    const U8x16 rg = simd::narrow(simd::narrow(red[0], red[1]), simd::narrow(green[0], green[1]));
    const U8x16 bb = simd::narrow(wide_blue, wide_blue);
    const U8x16 left =
        __builtin_shufflevector(rg, bb, 0, 8, 16, 16, 1, 9, 17, 17, 2, 10, 18, 18, 3, 11, 19, 19);
    const U8x16 right =
        __builtin_shufflevector(rg, bb, 4, 12, 20, 20, 5, 13, 21, 21, 6, 14, 22, 22, 7, 15, 23, 23);
    std::memcpy(out, &left, kVector);
    std::memcpy(out + kVector, &right, kVector);
  }
}

void write_floats(const uint8_t* rgbx, int count, const float* scale, const float* offset, float* out) {
  const F32x4 scales = {scale[0], scale[1], scale[2], 0}, offsets = {offset[0], offset[1], offset[2], 0};
  for (int i = 0; i < count; ++i, rgbx += kPixel, out += 3) {
    using U8x4 = uint8_t __attribute__((vector_size(4)));
    const F32x4 values = __builtin_convertvector(load_as<U8x4>(rgbx), F32x4) * scales + offsets;
    // The fourth lane falls on the next pixel, which is still to come; beyond the last there may be other
    // data.
    std::memcpy(out, &values, (i + 1 < count ? 4 : 3) * sizeof(float));
  }
}

template <class T>
void write_codes(const uint8_t* rgbx, int count, const int32_t* codes, T* out) {
  for (int i = 0; i < count; ++i, rgbx += kPixel, out += 3) {
    for (int channel = 0; channel < 3; ++channel)
      out[channel] = static_cast<T>(codes[256 * channel + rgbx[channel]]);
  }
}
template void write_codes(const uint8_t*, int, const int32_t*, int8_t*);
template void write_codes(const uint8_t*, int, const int32_t*, int32_t*);

}  // namespace linnet
