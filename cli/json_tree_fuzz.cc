// JSON to edit: what is accepted is written as a text that reads and writes the same.
#include <cstddef>
#include <cstdint>

#include "cli/json_tree.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto tree = JsonTree::parse({reinterpret_cast<const char*>(data), size});
  if (!tree) return 0;
  const std::string written = tree->write();
  auto again = JsonTree::parse(written);
  CHECK(again);
  CHECK(again->write() == written);
  if (!tree->is_object()) return 0;
  // An edit changes one member alone.
  tree->set("new member", JsonTree::literal("1"));
  CHECK(tree->remove("new member"));
  CHECK(tree->write() == written || again->find("new member") != nullptr);
  return 0;
}
