// A whole model: model.json, then a zero byte, then what its shards hold.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/tfjs/tfjs_model.h"
#include "graph/verify.h"

using namespace linnet;

namespace {

// Models that declare more than this are parsed only.
constexpr uint64_t kMaxBytes = 1 << 16;
constexpr size_t kMaxShards = 16;

// `size` bytes that repeat `pattern`.
Buffer filled(uint64_t size, std::string_view pattern) {
  auto buffer = Buffer::allocate(size);
  CHECK(buffer);
  for (size_t i = 0; i < buffer->size(); ++i)
    buffer->data()[i] = pattern.empty() ? std::byte{0} : static_cast<std::byte>(pattern[i % pattern.size()]);
  return std::move(*buffer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), input.size());
  const auto model = TfjsModel::parse(input.substr(0, end));
  if (!model) return 0;
  TfjsModel& tfjs = **model;
  const size_t shards = tfjs.shard_count();
  if (tfjs.weights_bytes() > kMaxBytes || shards > kMaxShards) return 0;

  // The first byte of the rest says how far off the shards' sizes are; mostly they are right.
  std::string_view rest = input.substr(std::min(end + 1, input.size()));
  uint64_t left = tfjs.weights_bytes();
  if (!rest.empty()) {
    left += static_cast<uint8_t>(rest[0]) % 8 == 7 ? static_cast<uint8_t>(rest[0]) / 8 : 0;
    rest.remove_prefix(1);
  }
  for (size_t i = 0; i < shards; ++i) {
    const uint64_t here = i + 1 == shards ? left : left / (shards - i);
    left -= here;
    if (!tfjs.set_shard(i, filled(here, rest).bytes())) return 0;
  }
  const auto graph = tfjs.to_graph({.batch = 2, .input_shapes = {}});
  if (graph) CHECK(verify(*graph));
  return 0;
}
