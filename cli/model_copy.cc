#include "cli/model_copy.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "cli/io.h"
#include "cli/model_source.h"
#include "cli/model_writer.h"
#include "formats/tfjs/json.h"

namespace linnet {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;

// model.json with `value` in its metadata.
std::string with_metadata(std::string_view json, std::string_view key, std::string_view value) {
  json.remove_prefix(std::min(json.find('{'), json.size()));
  const std::string_view metadata = json_member_text(json, "userDefinedMetadata");
  const std::string_view linnet = metadata.empty() ? "" : json_member_text(metadata, "linnet");
  return with_member(json, "userDefinedMetadata",
                     with_member(metadata, "linnet", with_member(linnet, key, value)));
}

}  // namespace

Result<void> expect_elsewhere(const std::string& location, const std::string& directory) {
  std::error_code error;
  if (!is_url(location) && fs::equivalent(fs::absolute(location).parent_path(), directory, error))
    return fail(ErrorCode::InvalidArgument,
                "--output %s: the model itself lies there; give another directory", directory.c_str());
  return {};
}

Result<void> copy_weights(const std::string& location, const TfjsModel& model, const std::string& directory) {
  TRY(expect_elsewhere(location, directory));
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail(ErrorCode::Io, "%s: cannot be made: %s", directory.c_str(), error.message().c_str());
  for (size_t i = 0; i < model.shard_count(); ++i) {
    const std::string shard(model.shard_path(i));
    TRY_ASSIGN(const std::string from, locate_shard(location, shard));
    TRY_ASSIGN(const Buffer bytes, read_location(from, model.weights_bytes()));
    const fs::path to = fs::path(directory) / shard;
    fs::create_directories(to.parent_path(), error);
    TRY(write_file(to.string(), bytes.bytes()));
  }
  return {};
}

Result<std::string> copy_model(const std::string& location, const TfjsModel& model, std::string_view key,
                               std::string_view value, const std::string& directory) {
  TRY_ASSIGN(const Buffer json, read_location(location, kMaxJsonBytes));
  const std::string text = with_metadata(as_text(json), key, value);
  TRY(copy_weights(location, model, directory));
  const std::string target = (fs::path(directory) / "model.json").string();
  TRY(write_file(target, std::as_bytes(std::span(text))));
  return target;
}

}  // namespace linnet
