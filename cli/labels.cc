#include "cli/labels.h"

#include <algorithm>

#include "formats/tfjs/json.h"

namespace linnet {

std::vector<std::string> parse_labels(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<std::string> labels;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    labels.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  return labels;
}

Result<std::vector<std::string>> align_labels(std::vector<std::string> labels, size_t classes) {
  if (labels.size() == classes + 1 && labels.front() == "background") labels.erase(labels.begin());
  if (labels.size() + 1 == classes) labels.insert(labels.begin(), "background");
  if (labels.size() != classes) {
    return fail(ErrorCode::WrongSize, "%zu labels for a model of %zu classes", labels.size(), classes);
  }
  return labels;
}

Result<std::vector<Truth>> parse_truth(std::string_view text) {
  TRY_ASSIGN(const auto document, JsonDocument::parse(text));
  const Json images = document->root()["images"];
  const Json files = images ? images : document->root();
  TRY(files.expect_object());

  std::vector<Truth> truth;
  for (size_t i = 0; i < files.size(); ++i) {
    const Json entry = files[i];
    const auto index = (entry.is_object() ? entry["index"] : entry).integer();
    if (!index || *index < 0) {
      return fail(ErrorCode::BadFile, "%s: no class index that is a whole number from 0",
                  entry.path().c_str());
    }
    std::string label;
    if (entry.is_object() && entry["label"].is_string()) label = *entry["label"].string();
    truth.push_back({std::string(files.key(i)), *index, std::move(label)});
  }
  if (truth.empty()) return fail(ErrorCode::BadFile, "no images in it");
  std::ranges::sort(truth, {}, &Truth::file);
  return truth;
}

}  // namespace linnet
