// The weights manifest of model.json and the weight files (shards) that it describes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/host_memory.h"
#include "formats/tfjs/json.h"
#include "formats/tfjs/name_index.h"
#include "formats/tfjs/tfjs_model.h"
#include "graph/type.h"

namespace linnet {

class Weights {
 public:
  // The most bytes that all shards of one model may hold.
  static constexpr uint64_t kMaxBytes = uint64_t{1} << 31;
  static constexpr size_t kMaxWeights = size_t{1} << 16;

  // Fails with MalformedModel, UnsupportedType or TooLarge. `manifest` must outlive the weights.
  static Result<Weights> parse(Json manifest);

  size_t shard_count() const { return shards_.size(); }
  std::string_view shard_path(size_t index) const { return shards_[index].path; }
  uint64_t bytes() const { return bytes_; }
  std::vector<WeightBytes> by_type() const;

  // See TfjsModel.
  void keep_outside(HostBlock::Allocate allocate) { allocate_ = allocate; }

  // The bytes of all shards, one after the other. Every weight gets memory of its own. `shard_room` is where
  // the next bytes of shard `index` go, at least one; WrongSize when the manifest has no more. `shard_filled`
  // counts bytes written there. `shard_end` ends the shard, and WrongSize if it is the last of its group and
  // too short.
  Result<std::span<std::byte>> shard_room(size_t index);
  Result<void> shard_filled(size_t index, size_t bytes);
  Result<void> shard_end(size_t index);
  // Fails, naming a shard, unless all have come.
  Result<void> check_complete() const;
  // Lets all memory go that no tensor has; the shards must then come anew.
  void release();

  // The position of the weight called `name`, or SIZE_MAX.
  size_t find(std::string_view name) const { return index_.find(name); }
  // The position of the only weight whose name ends in `/suffix`, or SIZE_MAX.
  size_t find_suffix(std::string_view suffix) const;
  // The weight's values: float32 (quantised ones dequantised), int32 or bool. Those that are stored in fewer
  // bytes stay so until they are read. Good once all shards have come.
  Result<Tensor> tensor(size_t position);

 private:
  // How the bytes of a weight are stored.
  enum class Storage : uint8_t { Float32, Int32, Bool, Uint8, Float16, Quantised8, Quantised16 };
  // The bytes of a weight, in the engine's memory or the host's.
  struct Stored {
    Buffer buffer;
    std::unique_ptr<HostBlock> block;
  };
  struct Weight {
    std::string_view name;
    DType dtype;
    Storage storage;
    Shape shape;
    double scale, min;  // of the quantised: value = stored * scale + min
    uint64_t bytes;     // stored
    std::shared_ptr<Stored> stored = nullptr;
    Tensor tensor = {};
  };
  struct Shard {
    std::string_view path;
    size_t group;
  };
  struct Group {
    size_t first_shard, shard_end;
    size_t first_weight, weight_end;
    uint64_t bytes;
  };

  static size_t stored_size(Storage storage);
  // Whether the elements are what is stored.
  static bool is_plain(Storage storage);
  static const char* storage_name(Storage storage);
  static Result<Weight> parse_weight(Json entry);
  static Result<void> parse_storage(Json entry, Weight& weight);
  Result<void> parse_group(Json entry);
  // Fails unless `index` is the shard whose turn it is.
  Result<void> check_turn(size_t index) const;
  // "'a.bin' to 'b.bin' hold", for messages.
  std::string files_hold(const Group& group) const;
  Result<std::shared_ptr<Stored>> make_stored(uint64_t bytes) const;
  class Decoder;

  std::vector<Weight> weights_;
  std::vector<Shard> shards_;
  std::vector<Group> groups_;
  NameIndex index_;
  uint64_t bytes_ = 0;
  // Where the next byte goes: shard, weight, and the byte within the weight.
  size_t next_shard_ = 0, next_weight_ = 0;
  uint64_t next_byte_ = 0;
  HostBlock::Allocate allocate_ = nullptr;
  Buffer on_its_way_;  // what goes to the host's memory next
};

}  // namespace linnet
