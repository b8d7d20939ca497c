#include "vision/frame_tables.h"

#include <algorithm>
#include <cstring>

#include "vision/axis.h"

namespace linnet {

namespace {

void append_weights(std::vector<uint32_t>& words, const Axis& axis) {
  for (int i = 0; i < axis.size; ++i) {
    for (int k = 0; k < axis.taps; ++k) {
      const size_t at = static_cast<size_t>(i) * axis.stride + static_cast<size_t>(k);
      words.push_back(static_cast<uint32_t>(axis.high[at] * (1 << Axis::kHalfBits) + axis.low[at]));
    }
  }
}

}  // namespace

Result<std::vector<uint32_t>> frame_tables(int width, int height, const ImageTarget& target,
                                           const PreprocessSpec& spec) {
  TRY_ASSIGN(const Boxes boxes, image_boxes({width, height}, target, spec));
  const auto& [from, to] = boxes;
  const Axis horizontal = make_axis(from.x, from.width, to.width),
             vertical = make_axis(from.y, from.height, to.height);
  FrameHeader header = {.x = static_cast<uint32_t>(horizontal.begin),
                        .y = static_cast<uint32_t>(vertical.begin),
                        .lines = static_cast<uint32_t>(vertical.count),
                        .unused = 0,
                        .to_x = static_cast<uint32_t>(to.x),
                        .to_y = static_cast<uint32_t>(to.y),
                        .to_width = static_cast<uint32_t>(to.width),
                        .to_height = static_cast<uint32_t>(to.height),
                        .scale = {},
                        .taps_x = static_cast<uint32_t>(horizontal.taps),
                        .offset = {},
                        .taps_y = static_cast<uint32_t>(vertical.taps)};
  std::copy_n(spec.normalisation.scale, 3, header.scale);
  std::copy_n(spec.normalisation.offset, 3, header.offset);
  std::vector<uint32_t> words(sizeof header / sizeof(uint32_t));
  std::memcpy(words.data(), &header, sizeof header);
  words.insert(words.end(), horizontal.first.begin(), horizontal.first.begin() + to.width);
  words.insert(words.end(), vertical.first.begin(), vertical.first.begin() + to.height);
  append_weights(words, horizontal);
  append_weights(words, vertical);
  return words;
}

}  // namespace linnet
