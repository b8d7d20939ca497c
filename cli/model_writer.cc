#include "cli/model_writer.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "cli/io.h"
#include "cli/json.h"
#include "cli/model_copy.h"
#include "formats/tfjs/json.h"

namespace linnet {
namespace {

namespace fs = std::filesystem;

// {"name": [low, high], ...}, by name, so that equal models give equal files.
std::string ranges_text(const Ranges& ranges) {
  std::vector<std::string> names;
  for (const auto& [name, range] : ranges) names.push_back(name);
  std::ranges::sort(names);
  JsonOut out;
  out.begin_object();
  for (const std::string& name : names) {
    const ValueRange& range = ranges.at(name);
    if (range.dynamic) {
      out.member(name, "dynamic");
      continue;
    }
    out.key(name).begin_array().value(static_cast<double>(range.low)).value(static_cast<double>(range.high));
    out.end_array();
  }
  out.end_object();
  return std::string(out.text());
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

std::string with_member(std::string_view object, std::string_view key, std::string_view value) {
  std::string text(object.starts_with('{') ? object : "{}");
  if (const std::string_view old = json_member_text(text, key); !old.empty())
    return text.replace(static_cast<size_t>(old.data() - text.data()), old.size(), value);
  const size_t first = text.find_first_not_of(" \t\r\n", 1);
  return text.insert(1,
                     "\"" + std::string(key) + "\":" + std::string(value) + (text[first] == '}' ? "" : ","));
}

Result<WrittenModel> write_model(const Graph& graph, const TfjsExportOptions& options,
                                 const std::string& source, const std::string& directory) {
  TRY(expect_elsewhere(source, directory));
  std::error_code error;
  TfjsExportOptions exporting = options;
  // A signature among the metadata goes before the model's own; that of the source names nodes that may be
  // gone.
  if (!json_member_text(options.metadata, "signature").empty())
    exporting.metadata = with_member(options.metadata, "signature", "null");
  TRY_ASSIGN(const TfjsExport exported, export_tfjs(graph, exporting));
  fs::create_directories(directory, error);
  if (error) return fail(ErrorCode::Io, "%s: cannot be made: %s", directory.c_str(), error.message().c_str());
  WrittenModel written{(fs::path(directory) / "model.json").string(), 0};
  fs::remove(written.model_json, error);
  for (const TfjsFile& shard : exported.shards) {
    TRY(write_file((fs::path(directory) / shard.path).string(), bytes_of(shard.bytes)));
    written.weights_bytes += shard.bytes.size();
  }
  TRY(write_file(written.model_json, bytes_of(exported.model_json)));
  return written;
}

WeightStorage codes_where_calibrated(const Graph& graph, ValueId constant) {
  for (const Node& node : graph.nodes())
    if (node.inputs.size() > 1 && node.inputs[1] == constant &&
        !graph.ranges.contains(graph.value(node.outputs[0]).name))
      return WeightStorage::Half;
  return WeightStorage::Codes;
}

std::string with_ranges(std::string_view metadata, const Ranges& ranges) {
  return with_member(metadata, "linnet",
                     with_member(json_member_text(metadata, "linnet"), "ranges", ranges_text(ranges)));
}

}  // namespace linnet
