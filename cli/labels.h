// Names of classes, and which class each image of a labelled set shows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace linnet {

// One label a line. A byte order mark, carriage returns and empty lines at the end are dropped.
std::vector<std::string> parse_labels(std::string_view text);

// The labels of a model with `classes` classes. A first line `background` that the model does not have is
// dropped; a model with one class more than labels has that class first. Fails with WrongSize where the
// counts do not fit.
Result<std::vector<std::string>> align_labels(std::vector<std::string> labels, size_t classes);

// An image of a labelled set.
struct Truth {
  std::string file;
  int64_t index;
  std::string label;  // the class's name; empty where the file has none
};
// Reads {"images": {FILE: {"index": N, "label": NAME}}}, or the inner object alone; N may stand in place of
// {"index": N}. In order of the file names. Fails with MalformedJson, or another error that names the entry.
Result<std::vector<Truth>> parse_truth(std::string_view text);

}  // namespace linnet
