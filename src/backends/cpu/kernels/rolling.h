// What depthwise convolutions read as they roll along a row of their result: columns of inputs one after the
// other, of which the last kStride of a window are new to an output and the others are those of the output
// before.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace linnet::cpu {

// Neighbouring outputs whose last kStride columns all lie inside the input or all outside, or just one.
template <class T, int kKernel, int kStride>
struct Run {
  const T* at[kStride][kKernel];  // the first one's last columns
  size_t steps[kKernel];          // of `at` from one output to the next
  int32_t count;
};

// A row of outputs, or of those of them that lie `dilation` apart, which read columns as far apart.
struct Phase {
  int32_t first_column;  // that the first output reads; may be negative
  int32_t column_step;
  size_t out_step;
};

// What outputs of a phase read.
template <class T, int kKernel, int kStride>
struct RollingInputs {
  static constexpr int kFirst = kKernel - kStride;
  static constexpr int kMostRuns = 5;

  const T* first[kFirst][kKernel];  // the first output's columns but for the last kStride
  Run<T, kKernel, kStride> runs[kMostRuns];
  int count = 0;
  T* out;
  size_t out_step;

  // Outputs [begin, end), the first of the phase at `to`. `lines` are the rows of the window, null outside
  // the input: there and beyond the lines' ends `outside` is read.
  template <class Params>
  RollingInputs(const Params& p, const Phase& phase, int32_t begin, int32_t end,
                const T* const (&lines)[kKernel], const T* outside, T* to)
      : out(to + static_cast<size_t>(begin) * phase.out_step), out_step(phase.out_step) {
    const auto width = static_cast<int32_t>(p.in_w);
    const auto read = [&](int32_t ix, const T*(&at)[kKernel]) {
      const bool inside = ix >= 0 && ix < width;
      for (int ky = 0; ky < kKernel; ++ky)
        at[ky] = inside && lines[ky] != nullptr ? lines[ky] + static_cast<size_t>(ix) * p.channels : outside;
      return inside;
    };
    const int32_t step = phase.column_step * kStride;
    int32_t ix = phase.first_column + begin * step;
    for (int i = 0; i < kFirst; ++i, ix += phase.column_step) read(ix, first[i]);
    for (int32_t o = begin; o < end;) {
      Run<T, kKernel, kStride>& run = runs[count++];
      int32_t stop = end;
      int inside = 0;
      for (int f = 0; f < kStride; ++f, ix += phase.column_step) {
        const bool is_inside = read(ix, run.at[f]);
        inside += is_inside ? 1 : 0;
        const int32_t changes = is_inside ? width - ix : -ix;
        if (changes > 0) stop = std::min(stop, o + (changes + step - 1) / step);
      }
      if (inside % kStride != 0) stop = o + 1;
      for (int ky = 0; ky < kKernel; ++ky)
        run.steps[ky] = inside != 0 && lines[ky] != nullptr ? static_cast<size_t>(step) * p.channels : 0;
      run.count = stop - o;
      ix += (run.count - 1) * step;
      o = stop;
    }
  }
};

// Calls `roll(inputs)` for parts of one row of the result, which is at `out`: as many outputs as leave what
// they read in the first cache until the next channels come. `p` has the convolution's sizes.
template <int kKernel, int kStride, class T, class Params, class Roll>
void for_each_segment(const Params& p, const T* const (&lines)[kKernel], const T* outside, T* out,
                      Roll roll) {
  constexpr int32_t kSegment = 32;
  const uint32_t dilation = p.dilation_x;
  for (uint32_t first = 0; first < std::min(dilation, p.out_w); ++first) {
    const Phase phase{static_cast<int32_t>(first * kStride) - p.pad_left, static_cast<int32_t>(dilation),
                      size_t{dilation} * p.channels};
    const auto outputs = static_cast<int32_t>((p.out_w - first + dilation - 1) / dilation);
    for (int32_t o = 0; o < outputs; o += kSegment)
      roll(RollingInputs<T, kKernel, kStride>(p, phase, o, std::min(o + kSegment, outputs), lines, outside,
                                              out + size_t{first} * p.channels));
  }
}

}  // namespace linnet::cpu
