// Imports the pretrained models that lie beside the repository, where they do.
#include "formats/tfjs/shared_models.h"

namespace linnet {
namespace {

using testing::error_of;

TEST(SharedModels, Import) {
  LINNET_SKIP_WITHOUT_MODELS();
  for (const testing::SharedModel& expected : testing::shared_models()) {
    SCOPED_TRACE(expected.path);
    const auto graph = testing::import_shared(expected.path);
    ASSERT_TRUE(graph) << error_of(graph);
    ASSERT_EQ(graph->inputs.size(), 1u);
    EXPECT_EQ(graph->value(graph->inputs[0].value).shape, expected.input);
    ASSERT_EQ(graph->outputs.size(), expected.outputs.size());
    for (size_t i = 0; i < expected.outputs.size(); ++i) {
      EXPECT_EQ(graph->outputs[i].name, expected.outputs[i].first);
      EXPECT_EQ(graph->value(graph->outputs[i].value).shape, expected.outputs[i].second);
    }
  }
}

// A model that is not supported yet is an error that says why.
TEST(SharedModels, UnsupportedOnesSayWhy) {
  LINNET_SKIP_WITHOUT_MODELS();
  const auto graph = testing::import_shared("handtrack/handtrack.json");
  if (graph) return;
  EXPECT_EQ(graph.error().code(), ErrorCode::UnsupportedOp) << error_of(graph);
  EXPECT_NE(std::string_view(graph.error().detail()).find("of node '"), std::string_view::npos)
      << error_of(graph);
}

}  // namespace
}  // namespace linnet
