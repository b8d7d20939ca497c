// The weights manifest of model.json and the weight files (shards) that it describes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
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

  // Takes the bytes of shard `index`. With the last one of its group the group's size is checked: WrongSize.
  Result<void> set_shard(size_t index, Buffer bytes);
  // Fails, naming a shard, unless all have been set.
  Result<void> check_complete() const;
  void release_shards();

  // The position of the weight called `name`, or SIZE_MAX.
  size_t find(std::string_view name) const { return index_.find(name); }
  // The position of the only weight whose name ends in `/suffix`, or SIZE_MAX.
  size_t find_suffix(std::string_view suffix) const;
  // The weight's values: float32 (quantised ones dequantised), int32 or bool. Shares the shard's memory where
  // the stored bytes can serve as they are.
  Result<Tensor> tensor(size_t position) const;

 private:
  // How the bytes of a weight are stored.
  enum class Storage : uint8_t { Float32, Int32, Bool, Uint8, Float16, Quantised8, Quantised16 };
  struct Weight {
    std::string_view name;
    DType dtype;
    Storage storage;
    Shape shape;
    double scale, min;  // of the quantised: value = stored * scale + min
    size_t group;
    uint64_t offset;  // in bytes, within the group
    uint64_t bytes;
  };
  struct Shard {
    std::string_view path;
    size_t group;
    std::shared_ptr<const Buffer> bytes;
  };
  struct Stored {
    std::shared_ptr<const Buffer> buffer;
    size_t offset;
  };
  struct Group {
    size_t first_shard, shard_end;
    size_t first_weight, weight_end;
    uint64_t bytes;
  };

  static size_t stored_size(Storage storage);
  static const char* storage_name(Storage storage);
  static Result<Weight> parse_weight(Json entry);
  static Result<void> parse_storage(Json entry, Weight& weight);
  Result<void> parse_group(Json entry);
  Result<void> check_group(const Group& group) const;
  // The weight's stored bytes as one run: a slice of its shard, or copied together where it spans several.
  Result<Stored> assemble(const Weight& weight) const;

  std::vector<Weight> weights_;
  std::vector<Shard> shards_;
  std::vector<Group> groups_;
  NameIndex index_;
  uint64_t bytes_ = 0;
};

}  // namespace linnet
