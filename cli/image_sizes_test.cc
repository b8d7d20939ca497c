#include "cli/image_sizes.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

TEST(ImageSizes, Parses) {
  const auto sizes = parse_image_sizes("224,144x256,224,96x96");
  ASSERT_TRUE(sizes);
  EXPECT_EQ(*sizes, (std::vector<ImageSize>{{224, 224}, {144, 256}, {96, 96}}));
  EXPECT_EQ((*sizes)[0].text(), "224");
  EXPECT_EQ((*sizes)[1].text(), "144x256");
}

TEST(ImageSizes, RefusesWhatIsNone) {
  for (const char* text :
       {"", ",", "224,", "0", "-1", "224x", "x224", "224 ,192", "99999", "224;192", "1x2x3"})
    EXPECT_FALSE(parse_image_sizes(text)) << text;
}

}  // namespace
}  // namespace linnet
