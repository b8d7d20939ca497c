#include "cli/model_inputs.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "cli/io.h"
#include "cli/tensor_files.h"
#include "cli/timing.h"

namespace linnet {
namespace {

// The seed of "random" or "random:SEED"; none for other text.
Result<std::optional<uint32_t>> parse_random(std::string_view source) {
  if (source == "random") return 1;
  if (!source.starts_with("random:")) return std::nullopt;
  const std::string_view digits = source.substr(7);
  uint32_t seed = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seed);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return fail(ErrorCode::InvalidArgument,
                "--input %.*s: the seed must be a whole number from 0 to 4294967295",
                static_cast<int>(source.size()), source.data());
  }
  return seed;
}

std::string names_of(std::span<const PlanPort> ports) {
  std::string names;
  for (const PlanPort& port : ports) names += (names.empty() ? "" : ", ") + port.name;
  return names;
}

// Which source feeds each input, by the --input flags.
Result<std::vector<std::string>> assign_inputs(const std::vector<std::string>& flags,
                                               std::span<const PlanPort> ports) {
  std::vector<std::string> sources(ports.size());
  std::string unnamed;
  for (const std::string& flag : flags) {
    // Names and files may both hold '=', so the name decides.
    const auto named =
        std::ranges::find_if(ports, [&](const PlanPort& port) { return flag.starts_with(port.name + "="); });
    if (named != ports.end()) {
      std::string& source = sources[static_cast<size_t>(named - ports.begin())];
      if (!source.empty()) {
        return fail(ErrorCode::InvalidArgument, "--input: '%s' is given twice", named->name.c_str());
      }
      source = flag.substr(named->name.size() + 1);
    } else if (unnamed.empty()) {
      unnamed = flag;
    } else {
      return fail(ErrorCode::InvalidArgument, "--input %s: the model has no such input; it has: %s",
                  flag.c_str(), names_of(ports).c_str());
    }
  }
  const bool random = unnamed == "random" || unnamed.starts_with("random:");
  size_t open = 0;
  for (std::string& source : sources) {
    if (!source.empty()) continue;
    ++open;
    source = unnamed;
  }
  if (!unnamed.empty() && !random && open != 1) {
    return fail(ErrorCode::InvalidArgument,
                "--input %s: not clear which input it is for; give NAME=FILE with one of: %s",
                unnamed.c_str(), names_of(ports).c_str());
  }
  for (size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].empty()) {
      return fail(ErrorCode::InvalidArgument, "nothing is given for the input '%s'; add --input %s=FILE",
                  ports[i].name.c_str(), ports[i].name.c_str());
    }
  }
  return sources;
}

}  // namespace

Result<std::vector<Buffer>> read_inputs(const std::vector<std::string>& flags, Session& session) {
  const auto ports = session.inputs();
  TRY_ASSIGN(const auto sources, assign_inputs(flags, ports));
  std::vector<Buffer> values;
  for (size_t i = 0; i < ports.size(); ++i) {
    TensorView view = session.input(i);
    TRY_ASSIGN(Buffer buffer, Buffer::allocate(view.bytes()));
    view.data = buffer.data();
    TRY_ASSIGN(const auto seed, parse_random(sources[i]));
    if (seed) {
      TRY(fill_input(ports[i], view, *seed + static_cast<uint32_t>(i)));
    } else {
      // A .npy header takes less than this.
      TRY_ASSIGN(const Buffer content, read_location(sources[i], uint64_t{view.bytes()} * 2 + (1 << 20)));
      auto filled = fill_from_bytes(content.bytes(), view);
      if (!filled) return std::unexpected(filled.error().within(sources[i]));
    }
    values.push_back(std::move(buffer));
  }
  return values;
}

}  // namespace linnet
