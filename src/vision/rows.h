// Kernels on rows of pixels: what preprocessing does for every frame. All work in whole vectors: a row that
// they write has room for kRowSlack bytes more, and one that they read may be read so far.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vision/axis.h"

namespace linnet {

inline constexpr size_t kRowSlack = 32;
// Bits after the binary point of resized luma and chroma.
inline constexpr int kYuvFraction = 6;

// Output `y` of the vertical axis: sums `bytes` bytes of the rows from `rows` (the output's first) on,
// `stride` bytes apart, rounded to 8 bits. Reads nothing beyond the rows.
void blend_rows(const uint8_t* rows, ptrdiff_t stride, size_t bytes, const Axis& axis, int y, uint8_t* out);

// u0 v0 u1 v1 ...
void interleave(const uint8_t* u, const uint8_t* v, size_t count, uint8_t* out);

// Resizes a row horizontally; `row` is sample 0 of `axis`. Pixels of four bytes, rounded to 8 bits; or one or
// two channels to values with kYuvFraction bits after the point.
void resize_rgbx(const uint8_t* row, const Axis& axis, uint8_t* out);
void resize_luma(const uint8_t* row, const Axis& axis, int16_t* out);
void resize_chroma(const uint8_t* row, const Axis& axis, int16_t* u, int16_t* v);

// From Y, U and V to red, green and blue: coefficients in units of 2^-13.
struct YuvToRgb {
  int16_t y, red_v, green_u, green_v, blue_u;
  int16_t black;  // Y of black; U and V of grey are 128
};
// Rounds `count` pixels to four bytes each, clamped to 0..255, the fourth of no meaning.
void yuv_to_rgbx(const int16_t* y, const int16_t* u, const int16_t* v, int count, const YuvToRgb& matrix,
                 uint8_t* out);

// Three channels of each pixel: x * scale + offset, or codes[256 * channel + x].
void write_floats(const uint8_t* rgbx, int count, const float* scale, const float* offset, float* out);
template <class T>
void write_codes(const uint8_t* rgbx, int count, const int32_t* codes, T* out);

}  // namespace linnet
