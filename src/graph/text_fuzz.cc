// Graph text: whatever parses and has an output verifies, and printing what was parsed from a print gives the
// same text.
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "graph/text.h"
#include "graph/verify.h"

using namespace linnet;

namespace {

// Constants may be large; a few of them are enough to find what there is to find.
bool is_costly(std::string_view text) {
  int constants = 0;
  for (size_t at = text.find("const"); at != std::string_view::npos; at = text.find("const", at + 1))
    ++constants;
  return constants > 8;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (is_costly(text)) return -1;
  const Result<Graph> graph = parse_graph(text);
  if (!graph) return 0;
  CHECK(graph->outputs.empty() || verify(*graph));

  const std::string printed = print_graph(*graph);
  // `...` stands for data that is not printed.
  if (printed.find("= ...") != std::string::npos) return 0;
  const Result<Graph> again = parse_graph(printed);
  if (!again) return 0;  // the printed form of an expression may pass the parser's limit on its size
  CHECK(print_graph(*again) == printed);
  return 0;
}
