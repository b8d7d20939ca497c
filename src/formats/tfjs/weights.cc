#include "formats/tfjs/weights.h"

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
    shards_.push_back({path, groups_.size(), nullptr});
  }
  TRY_ASSIGN(const Json weights, entry.member("weights"));
  TRY(weights.expect_array());
  if (weights.size() > kMaxWeights - weights_.size())
    return fail(ErrorCode::TooLarge, "the manifest lists more than %zu weights", kMaxWeights);
  for (size_t i = 0; i < weights.size(); ++i) {
    TRY_ASSIGN(Weight weight, parse_weight(weights[i]));
    weight.group = groups_.size();
    weight.offset = group.bytes;
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
  const std::string_view twice = weights.index_.sort();
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

Result<void> Weights::set_shard(size_t index, Buffer bytes) {
  if (index >= shards_.size())
    return fail(ErrorCode::InvalidArgument, "there is no shard %zu; the model has %zu", index,
                shards_.size());
  Shard& shard = shards_[index];
  shard.bytes = std::make_shared<const Buffer>(std::move(bytes));
  const Group& group = groups_[shard.group];
  for (size_t i = group.first_shard; i < group.shard_end; ++i)
    if (shards_[i].bytes == nullptr) return {};
  return check_group(group);
}

Result<void> Weights::check_group(const Group& group) const {
  uint64_t found = 0;
  for (size_t i = group.first_shard; i < group.shard_end; ++i) found += shards_[i].bytes->size();
  if (found == group.bytes) return {};

  const std::string_view first = shards_[group.first_shard].path, last = shards_[group.shard_end - 1].path;
  std::string files = "'" + std::string(first) + "'";
  if (group.shard_end - group.first_shard > 1) files += " to '" + std::string(last) + "'";
  const char* verb = group.shard_end - group.first_shard > 1 ? "hold" : "holds";
  const auto expected = static_cast<unsigned long long>(group.bytes);
  if (found > group.bytes)
    return fail(ErrorCode::WrongSize, "%s %s %llu bytes, but the manifest's weights end at %llu",
                files.c_str(), verb, static_cast<unsigned long long>(found), expected);
  size_t cut = group.first_weight;
  while (weights_[cut].offset + weights_[cut].bytes <= found) ++cut;
  return fail(ErrorCode::WrongSize,
              "%s %s %llu bytes, but the manifest's weights take %llu: the data end within weight '%.*s'",
              files.c_str(), verb, static_cast<unsigned long long>(found), expected,
              length_of(weights_[cut].name), weights_[cut].name.data());
}

Result<void> Weights::check_complete() const {
  for (const Shard& shard : shards_)
    if (shard.bytes == nullptr)
      return fail(ErrorCode::MissingWeight, "the weight file '%.*s' has not been given",
                  length_of(shard.path), shard.path.data());
  for (const Group& group : groups_) TRY(check_group(group));
  return {};
}

void Weights::release_shards() {
  for (Shard& shard : shards_) shard.bytes.reset();
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

Result<Weights::Stored> Weights::assemble(const Weight& weight) const {
  const Group& group = groups_[weight.group];
  uint64_t begin = weight.offset;
  size_t i = group.first_shard;
  for (; i < group.shard_end && begin >= shards_[i].bytes->size(); ++i) begin -= shards_[i].bytes->size();
  if (weight.bytes == 0) return Stored{std::make_shared<const Buffer>(), 0};
  if (weight.bytes <= shards_[i].bytes->size() - begin)
    return Stored{shards_[i].bytes, static_cast<size_t>(begin)};

  TRY_ASSIGN(Buffer joined, Buffer::allocate(weight.bytes));
  for (size_t written = 0; written < joined.size(); ++i, begin = 0) {
    const Buffer& shard = *shards_[i].bytes;
    const size_t here = std::min(joined.size() - written, shard.size() - static_cast<size_t>(begin));
    if (here != 0) std::memcpy(joined.data() + written, shard.data() + begin, here);
    written += here;
  }
  return Stored{std::make_shared<const Buffer>(std::move(joined)), 0};
}

Result<Tensor> Weights::tensor(size_t position) const {
  const Weight& weight = weights_[position];
  TRY_ASSIGN(const Stored stored, assemble(weight));
  const bool as_stored = weight.storage == Storage::Float32 || weight.storage == Storage::Int32;
  if (as_stored && weight.bytes != 0 && stored.offset % 4 == 0)
    return Tensor(weight.dtype, weight.shape, stored.buffer, stored.offset);

  const std::byte* from = stored.buffer->data() + stored.offset;
  TRY_ASSIGN(Tensor tensor, Tensor::zeros(weight.dtype, weight.shape));
  const auto count = static_cast<size_t>(weight.shape.elements());
  if (count == 0) return tensor;
  const auto dequantise = [&](auto load) {
    for (size_t i = 0; i < count; ++i) {
      const double value = load(i) * weight.scale + weight.min;
      if (weight.dtype == DType::F32) {
        tensor.mutable_as<float>()[i] = static_cast<float>(value);
      } else {
        const double whole = std::floor(value + 0.5);
        tensor.mutable_as<int32_t>()[i] =
            static_cast<int32_t>(std::fmin(std::fmax(whole, double{INT32_MIN}), double{INT32_MAX}));
      }
    }
  };
  switch (weight.storage) {
    case Storage::Float32:
    case Storage::Int32:
      std::memcpy(tensor.mutable_data(), from, count * 4);
      break;
    case Storage::Bool:
      for (size_t i = 0; i < count; ++i) tensor.mutable_as<uint8_t>()[i] = from[i] != std::byte{0};
      break;
    case Storage::Uint8:
      for (size_t i = 0; i < count; ++i) tensor.mutable_as<int32_t>()[i] = static_cast<uint8_t>(from[i]);
      break;
    case Storage::Float16:
      for (size_t i = 0; i < count; ++i)
        tensor.mutable_as<float>()[i] = half_to_float(load_u16(from + 2 * i));
      break;
    case Storage::Quantised8:
      dequantise([&](size_t i) { return static_cast<double>(static_cast<uint8_t>(from[i])); });
      break;
    case Storage::Quantised16:
      dequantise([&](size_t i) { return static_cast<double>(load_u16(from + 2 * i)); });
      break;
  }
  return tensor;
}

}  // namespace linnet
