#include "vision/axis.h"

#include <algorithm>
#include <cmath>

namespace linnet {

Axis make_axis(double begin, double length, int size) {
  const double scale = length / size;
  const double reach = std::max(scale, 1.0);
  const int start = static_cast<int>(std::floor(begin));
  const int limit = static_cast<int>(std::ceil(begin + length));
  struct Span {
    int first, count;
  };
  // The samples that lie strictly within the filter around output i's centre.
  const auto span_of = [&](int i) {
    const double centre = begin + (i + 0.5) * scale;
    const int first = std::max(start, static_cast<int>(std::floor(centre - reach - 0.5)) + 1);
    const int last = std::min(limit - 1, static_cast<int>(std::ceil(centre + reach - 0.5)) - 1);
    return Span{first, last - first + 1};
  };

  Axis axis;
  axis.begin = start;
  axis.count = limit - start;
  axis.size = size;
  for (int i = 0; i < size; ++i) axis.taps = std::max(axis.taps, span_of(i).count);
  axis.stride = (static_cast<size_t>(axis.taps) + 7) / 8 * 8;
  const size_t outputs = (static_cast<size_t>(size) + 7) / 8 * 8;
  axis.first.resize(outputs);
  axis.high.resize(outputs * axis.stride);
  axis.low.resize(outputs * axis.stride);
  for (size_t output = 0; output < outputs; ++output) {
    const int i = std::min(static_cast<int>(output), size - 1);
    const double centre = begin + (i + 0.5) * scale;
    const Span span = span_of(i);
    const auto weight = [&](int sample) { return 1 - std::abs(sample + 0.5 - centre) / reach; };
    double sum = 0;
    for (int k = 0; k < span.count; ++k) sum += weight(span.first + k);
    // All outputs have as many taps; the run of a short one moves back from the end and has zeros in front.
    const int first = std::min(span.first, limit - axis.taps);
    axis.first[output] = first - start;
    for (int k = 0; k < span.count; ++k) {
      const long whole = std::lround(weight(span.first + k) / sum * (1 << Axis::kWeightBits));
      const size_t at = output * axis.stride + static_cast<size_t>(span.first - first + k);
      axis.high[at] = static_cast<int16_t>(whole >> Axis::kHalfBits);
      axis.low[at] = static_cast<int16_t>(whole & ((1 << Axis::kHalfBits) - 1));
    }
  }
  return axis;
}

}  // namespace linnet
