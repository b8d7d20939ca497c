#include "cli/model_source.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <thread>

#include "cli/io.h"

namespace linnet {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;
constexpr std::string_view kModelKey = "\"modelTopology\"";

std::string_view without_query(std::string_view url) {
  return url.substr(0, url.find_first_of("?#"));
}

Result<std::string> locate_in_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::exists(directory / "model.json", error)) return (directory / "model.json").string();
  std::vector<std::string> found;
  fs::directory_iterator entries(directory, error);
  if (error) {
    return fail(ErrorCode::Io, "%s: cannot list: %s", directory.c_str(), error.message().c_str());
  }
  for (const auto& entry : entries) {
    if (entry.path().extension() != ".json" || !entry.is_regular_file(error)) continue;
    TRY_ASSIGN(const Buffer json, read_file(entry.path().string(), kMaxJsonBytes));
    if (as_text(json).find(kModelKey) != std::string_view::npos) found.push_back(entry.path().string());
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return fail(ErrorCode::Io, "%s: no model.json, and no other .json file with a modelTopology",
                directory.c_str());
  }
  std::ranges::sort(found);
  return fail(ErrorCode::InvalidArgument,
              "%s: no model.json, but %zu models; give the path of one, such as %s", directory.c_str(),
              found.size(), found.front().c_str());
}

}  // namespace

Result<std::string> locate_model(const std::string& argument) {
  if (is_url(argument)) {
    std::string_view path = without_query(argument);
    if (path.ends_with(".json")) return argument;
    const std::string_view query = std::string_view(argument).substr(path.size());
    while (path.ends_with('/')) path.remove_suffix(1);
    return std::string(path) + "/model.json" + std::string(query);
  }
  std::error_code error;
  if (fs::is_directory(argument, error)) return locate_in_directory(argument);
  if (!fs::exists(argument, error)) {
    return fail(ErrorCode::Io, "%s: no such model; give a directory, a model.json or a URL",
                argument.c_str());
  }
  return argument;
}

Result<std::string> locate_shard(const std::string& model_json, const std::string& shard) {
  if (is_url(shard)) return shard;
  if (is_url(model_json)) {
    const std::string_view path = without_query(model_json);
    const size_t host = path.find("//") + 2;
    const std::string_view query = std::string_view(model_json).substr(path.size());
    if (shard.starts_with('/'))
      return std::string(path.substr(0, path.find('/', host))) + shard + std::string(query);
    return std::string(path.substr(0, path.rfind('/') + 1)) + shard + std::string(query);
  }
  if (shard.starts_with('/')) {
    return fail(ErrorCode::MalformedModel, "%s: the weight file '%s' lies outside the model's directory",
                model_json.c_str(), shard.c_str());
  }
  return (fs::path(model_json).parent_path() / shard).string();
}

Result<void> read_weights(const std::string& location, TfjsModel& model) {
  const uint64_t all_weights = model.weights_bytes();
  for (size_t i = 0; i < model.shard_count(); ++i) {
    TRY_ASSIGN(const std::string path, locate_shard(location, std::string(model.shard_path(i))));
    // No shard holds more than all of them; the model itself checks that together they hold that much.
    auto bytes = read_location(path, all_weights);
    if (!bytes && bytes.error().code() == ErrorCode::TooLarge)
      return fail(ErrorCode::WrongSize,
                  "%s: holds more than the %llu bytes of all weights in the manifest of %s", path.c_str(),
                  static_cast<unsigned long long>(all_weights), location.c_str());
    if (!bytes) return std::unexpected(bytes.error());
    auto set = model.set_shard(i, bytes->bytes());
    if (!set) return std::unexpected(set.error().within(path));
  }
  return {};
}

Result<ModelSource> open_model(const std::string& argument) {
  ModelSource source;
  TRY_ASSIGN(source.location, locate_model(argument));
  TRY_ASSIGN(const Buffer json, read_location(source.location, kMaxJsonBytes));
  auto model = TfjsModel::parse(as_text(json));
  if (!model) return std::unexpected(model.error().within(source.location));
  source.model = std::move(*model);
  TRY(read_weights(source.location, *source.model));
  return source;
}

Result<void> parse_shape_flag(const std::string& flag, TfjsOptions& options) {
  const size_t equals = flag.rfind('=');
  std::vector<int64_t> dims;
  const char* at = equals == flag.npos ? nullptr : flag.data() + equals + 1;
  const char* const end = flag.data() + flag.size();
  while (at != nullptr && equals != 0) {
    int64_t dim = 0;
    const auto [stop, error] = std::from_chars(at, end, dim);
    if (error != std::errc() || dim < 1 || (stop != end && *stop != ',')) break;
    dims.push_back(dim);
    if (stop == end) {
      options.input_shapes[flag.substr(0, equals)] = std::move(dims);
      return {};
    }
    at = stop + 1;
  }
  return fail(ErrorCode::InvalidArgument,
              "--shape %s: expected NAME=N,N,... with sizes from 1, such as image=1,224,224,3", flag.c_str());
}

int thread_count(const ModelFlags& flags) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  return flags.threads > 0 ? flags.threads : std::clamp(cores, 1, ThreadPool::kMaxThreads);
}

CompileOptions compile_options(const ModelFlags& flags) {
  return {.threads = thread_count(flags),
          .measured_threads = flags.threads == 0,
          .row_fusion = flags.row_fusion,
          .optimise = !flags.reference,
          .quantize = !flags.f32};
}

Result<LoadedModel> load_model(const ModelFlags& flags) {
  TfjsOptions options;
  for (const std::string& shape : flags.shapes) TRY(parse_shape_flag(shape, options));
  TRY_ASSIGN(ModelSource source, open_model(flags.model));
  LoadedModel loaded{
      .location = source.location, .metadata = source.model->metadata_json(), .session = nullptr};
  const auto compile = [&]() -> Result<std::unique_ptr<Session>> {
    TRY_ASSIGN(Graph graph, source.model->to_graph(options));
    source.model.reset();
    return compile_cpu(std::move(graph), compile_options(flags), nullptr);
  };
  auto session = compile();
  if (!session) return std::unexpected(session.error().within(loaded.location));
  loaded.session = std::move(*session);
  return loaded;
}

}  // namespace linnet
