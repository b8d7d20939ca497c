#include "formats/tfjs/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/half.h"

namespace linnet {

namespace {

int length_of(std::string_view text) {
  return static_cast<int>(text.size());
}

std::unexpected<Error> unsupported_dtype(std::string_view weight, const char* what, std::string_view dtype) {
  return fail(ErrorCode::UnsupportedType, "weight '%.*s' has the %s '%.*s', which is not supported",
              length_of(weight), weight.data(), what, length_of(dtype), dtype.data());
}

// Shards are fetched from beside model.json; a path that climbs out of its folder would read what is not the
// model's.
Result<void> check_path(std::string_view path) {
  if (path.empty())
    return fail(ErrorCode::MalformedModel, "the weights manifest names a shard without a path");
  if (path.find('\0') != std::string_view::npos)
    return fail(ErrorCode::MalformedModel, "a shard's path holds a zero byte");
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find_first_of("/\\", begin), path.size());
    if (path.substr(begin, end - begin) == "..")
      return fail(ErrorCode::MalformedModel, "shard path '%.*s' leaves the model's folder by '..'",
                  length_of(path), path.data());
    begin = end + 1;
  }
  return {};
}

// Smaller weights are not worth the calls; many of them are read while the graph is rewritten.
constexpr uint64_t kMinOutsideBytes = 4096;
// At most so many bytes go to the host's memory at a time.
constexpr uint64_t kPortion = 65536;

uint16_t load_u16(const std::byte* from) {
  uint16_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

size_t Weights::stored_size(Storage storage) {
  switch (storage) {
    case Storage::Float32:
    case Storage::Int32:
      return 4;
    case Storage::Float16:
    case Storage::Quantised16:
      return 2;
    case Storage::Bool:
    case Storage::Uint8:
    case Storage::Quantised8:
      return 1;
  }
  return 1;
}

bool Weights::is_plain(Storage storage) {
  return storage == Storage::Float32 || storage == Storage::Int32;
}

const char* Weights::storage_name(Storage storage) {
  switch (storage) {
    case Storage::Float32:
      return "float32";
    case Storage::Int32:
      return "int32";
    case Storage::Bool:
      return "bool";
    case Storage::Uint8:
    case Storage::Quantised8:
      return "uint8";
    case Storage::Float16:
      return "float16";
    case Storage::Quantised16:
      return "uint16";
  }
  return "";
}

Result<void> Weights::parse_storage(Json entry, Weight& weight) {
  TRY_ASSIGN(const Json dtype_entry, entry.member("dtype"));
  TRY_ASSIGN(const std::string_view dtype, dtype_entry.string());
  if (dtype == "float32") {
    weight.dtype = DType::F32;
    weight.storage = Storage::Float32;
  } else if (dtype == "float16") {
    weight.dtype = DType::F32;
    weight.storage = Storage::Float16;
  } else if (dtype == "int32") {
    weight.dtype = DType::I32;
    weight.storage = Storage::Int32;
  } else if (dtype == "uint8") {
    weight.dtype = DType::I32;
    weight.storage = Storage::Uint8;
  } else if (dtype == "bool") {
    weight.dtype = DType::Bool;
    weight.storage = Storage::Bool;
  } else {
    return unsupported_dtype(weight.name, "type", dtype);
  }

  const Json quantization = entry["quantization"];
  if (!quantization) return {};
  TRY_ASSIGN(const Json stored_entry, quantization.member("dtype"));
  TRY_ASSIGN(const std::string_view stored, stored_entry.string());
  if (weight.storage != Storage::Float32 && weight.storage != Storage::Int32)
    return unsupported_dtype(weight.name, "quantised type", dtype);
  if (stored == "float16") {
    if (weight.dtype != DType::F32) return unsupported_dtype(weight.name, "float16-quantised type", dtype);
    weight.storage = Storage::Float16;
    return {};
  }
  if (stored != "uint8" && stored != "uint16") return unsupported_dtype(weight.name, "quantisation", stored);
  weight.storage = stored == "uint8" ? Storage::Quantised8 : Storage::Quantised16;
  TRY_ASSIGN(const Json scale, quantization.member("scale"));
  TRY_ASSIGN(weight.scale, scale.number());
  TRY_ASSIGN(const Json min, quantization.member("min"));
  TRY_ASSIGN(weight.min, min.number());
  return {};
}

Result<Weights::Weight> Weights::parse_weight(Json entry) {
  Weight weight{};
  TRY_ASSIGN(const Json name, entry.member("name"));
  TRY_ASSIGN(weight.name, name.string());
  TRY(parse_storage(entry, weight));
  TRY_ASSIGN(const Json shape, entry.member("shape"));
  TRY_ASSIGN(const std::vector<int64_t> dims, shape.integers());
  TRY_ASSIGN(weight.shape, Shape::make(dims, weight.dtype, "weight " + std::string(weight.name)));
  weight.bytes = static_cast<uint64_t>(weight.shape.elements()) * stored_size(weight.storage);
  return weight;
}

Result<void> Weights::parse_group(Json entry) {
  Group group{shards_.size(), 0, weights_.size(), 0, 0};
  TRY_ASSIGN(const Json paths, entry.member("paths"));
  TRY(paths.expect_array());
  for (size_t i = 0; i < paths.size(); ++i) {
    TRY_ASSIGN(const std::string_view path, paths[i].string());
    TRY(check_path(path));
    shards_.push_back({path, groups_.size()});
  }
  TRY_ASSIGN(const Json weights, entry.member("weights"));
  TRY(weights.expect_array());
  if (weights.size() > kMaxWeights - weights_.size())
    return fail(ErrorCode::TooLarge, "the manifest lists more than %zu weights", kMaxWeights);
  for (size_t i = 0; i < weights.size(); ++i) {
    TRY_ASSIGN(Weight weight, parse_weight(weights[i]));
    group.bytes += weight.bytes;
    bytes_ += weight.bytes;
    if (bytes_ > kMaxBytes)
      return fail(ErrorCode::TooLarge, "the weights up to '%.*s' take %llu bytes; at most %llu are read",
                  length_of(weight.name), weight.name.data(), static_cast<unsigned long long>(bytes_),
                  static_cast<unsigned long long>(kMaxBytes));
    index_.add(weight.name, weights_.size());
    weights_.push_back(weight);
  }
  group.shard_end = shards_.size();
  group.weight_end = weights_.size();
  if (group.bytes > 0 && group.first_shard == group.shard_end)
    return fail(ErrorCode::MalformedModel, "%s holds weights but no paths", entry.path().c_str());
  groups_.push_back(group);
  return {};
}

Result<Weights> Weights::parse(Json manifest) {
  Weights weights;
  if (manifest) TRY(manifest.expect_array());
  for (size_t i = 0; i < manifest.size(); ++i) TRY(weights.parse_group(manifest[i]));
  const std::string_view twice = weights.index_.twice();
  if (twice.data() != nullptr)
    return fail(ErrorCode::MalformedModel, "the weights manifest lists weight '%.*s' twice", length_of(twice),
                twice.data());
  return weights;
}

std::vector<WeightBytes> Weights::by_type() const {
  std::vector<WeightBytes> types;
  for (const Weight& weight : weights_) {
    const std::string_view name = storage_name(weight.storage);
    auto at = std::find_if(types.begin(), types.end(),
                           [&](const WeightBytes& entry) { return entry.type == name; });
    if (at == types.end()) at = types.insert(at, {std::string(name), 0, 0});
    at->bytes += weight.bytes;
    at->elements += static_cast<uint64_t>(weight.shape.elements());
  }
  return types;
}

Result<void> Weights::check_turn(size_t index) const {
  if (index >= shards_.size())
    return fail(ErrorCode::InvalidArgument, "there is no shard %zu; the model has %zu", index,
                shards_.size());
  if (index != next_shard_)
    return fail(ErrorCode::InvalidArgument, "shard %zu is given where shard %zu would be next", index,
                next_shard_);
  return {};
}

std::string Weights::files_hold(const Group& group) const {
  std::string text = "'" + std::string(shards_[group.first_shard].path) + "'";
  if (group.shard_end - group.first_shard == 1) return text + " holds";
  return text + " to '" + std::string(shards_[group.shard_end - 1].path) + "' hold";
}

Result<std::shared_ptr<Weights::Stored>> Weights::make_stored(uint64_t bytes) const {
  auto stored = std::make_shared<Stored>();
  if (allocate_ != nullptr && bytes >= kMinOutsideBytes) {
    TRY_ASSIGN(stored->block, allocate_(bytes));
  } else {
    TRY_ASSIGN(stored->buffer, Buffer::allocate(bytes));
  }
  return stored;
}

Result<std::span<std::byte>> Weights::shard_room(size_t index) {
  TRY(check_turn(index));
  const Group& group = groups_[shards_[index].group];
  for (; next_weight_ < group.weight_end && next_byte_ == weights_[next_weight_].bytes; next_byte_ = 0)
    ++next_weight_;
  if (next_weight_ == group.weight_end)
    return fail(ErrorCode::WrongSize, "%s more than the %llu bytes that the manifest's weights take",
                files_hold(group).c_str(), static_cast<unsigned long long>(group.bytes));
  Weight& weight = weights_[next_weight_];
  if (weight.stored == nullptr) {
    TRY_ASSIGN(weight.stored, make_stored(weight.bytes));
  }
  if (weight.stored->block == nullptr)
    return weight.stored->buffer.bytes().subspan(static_cast<size_t>(next_byte_));
  if (on_its_way_.size() == 0) {
    TRY_ASSIGN(on_its_way_, Buffer::allocate(kPortion));
  }
  return on_its_way_.bytes().first(static_cast<size_t>(std::min(kPortion, weight.bytes - next_byte_)));
}

Result<void> Weights::shard_filled(size_t index, size_t bytes) {
  TRY_ASSIGN(const std::span<std::byte> room, shard_room(index));
  if (bytes > room.size())
    return fail(ErrorCode::InvalidArgument, "%zu bytes of shard %zu, but there was room for %zu", bytes,
                index, room.size());
  if (HostBlock* block = weights_[next_weight_].stored->block.get())
    block->write(next_byte_, room.first(bytes));
  next_byte_ += bytes;
  return {};
}

Result<void> Weights::shard_end(size_t index) {
  TRY(check_turn(index));
  const Group& group = groups_[shards_[index].group];
  ++next_shard_;
  if (next_shard_ < group.shard_end) return {};
  for (; next_weight_ < group.weight_end && next_byte_ == weights_[next_weight_].bytes; next_byte_ = 0)
    ++next_weight_;
  if (next_weight_ == group.weight_end) return {};
  uint64_t found = next_byte_;
  for (size_t i = group.first_weight; i < next_weight_; ++i) found += weights_[i].bytes;
  const std::string_view cut = weights_[next_weight_].name;
  return fail(ErrorCode::WrongSize,
              "%s %llu bytes, but the manifest's weights take %llu: the data end within weight '%.*s'",
              files_hold(group).c_str(), static_cast<unsigned long long>(found),
              static_cast<unsigned long long>(group.bytes), length_of(cut), cut.data());
}

Result<void> Weights::check_complete() const {
  if (next_shard_ == shards_.size()) return {};
  const std::string_view path = shards_[next_shard_].path;
  return fail(ErrorCode::MissingWeight, "the weight file '%.*s' has not been given", length_of(path),
              path.data());
}

void Weights::release() {
  for (Weight& weight : weights_) {
    weight.stored = {};
    weight.tensor = {};
  }
  on_its_way_ = {};
  next_shard_ = next_weight_ = 0;
  next_byte_ = 0;
}

size_t Weights::find_suffix(std::string_view suffix) const {
  size_t found = SIZE_MAX;
  for (size_t i = 0; i < weights_.size(); ++i) {
    const std::string_view name = weights_[i].name;
    if (name.size() <= suffix.size() || !name.ends_with(suffix) ||
        name[name.size() - suffix.size() - 1] != '/')
      continue;
    if (found != SIZE_MAX) return SIZE_MAX;
    found = i;
  }
  return found;
}

class Weights::Decoder final : public Tensor::Source {
 public:
  explicit Decoder(const Weight& weight) : weight_(weight) {}

  const HostBlock* block() const override {
    return is_plain(weight_.storage) ? weight_.stored->block.get() : nullptr;
  }
  Result<Buffer> elements() const override {
    const auto count = weight_.shape.elements();
    const size_t stored_bytes = stored_size(weight_.storage);
    TRY_ASSIGN(Buffer buffer, Buffer::allocate(static_cast<uint64_t>(count) * dtype_size(weight_.dtype)));
    const std::byte* from = weight_.stored->buffer.data();
    if (const HostBlock* block = weight_.stored->block.get()) {
      // At the end: an element is written where it was read, or before.
      std::byte* into = buffer.data() + buffer.size() - weight_.bytes;
      block->read(into);
      from = into;
    }
    if (is_plain(weight_.storage)) return buffer;
    for (int64_t i = 0; i < count; ++i, from += stored_bytes) {
      double value = static_cast<uint8_t>(*from);
      if (weight_.storage == Storage::Float16) {
        value = static_cast<double>(half_to_float(load_u16(from)));
      } else if (weight_.storage >= Storage::Quantised8) {
        if (weight_.storage == Storage::Quantised16) value = load_u16(from);
        value = value * weight_.scale + weight_.min;
        if (weight_.dtype == DType::I32) value = std::floor(value + 0.5);
      }
      store_double(weight_.dtype, buffer.data(), i, value);
    }
    return buffer;
  }

 private:
  const Weight weight_;
};

Result<Tensor> Weights::tensor(size_t position) {
  Weight& weight = weights_[position];
  if (!weight.tensor.empty()) return weight.tensor;
  if (weight.stored == nullptr) {
    TRY_ASSIGN(weight.tensor, Tensor::zeros(weight.dtype, weight.shape));
  } else if (weight.stored->block == nullptr && is_plain(weight.storage)) {
    weight.tensor = Tensor(weight.dtype, weight.shape, std::move(weight.stored->buffer));
  } else {
    weight.tensor = Tensor::lazy(weight.dtype, weight.shape, std::make_unique<Decoder>(weight));
  }
  weight.stored = {};
  return weight.tensor;
}

}  // namespace linnet
