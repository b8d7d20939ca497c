#include "cli/labels.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

using Labels = std::vector<std::string>;

TEST(Labels, OneALine) {
  EXPECT_EQ(parse_labels("cat\ndog\n"), (Labels{"cat", "dog"}));
  EXPECT_EQ(parse_labels("\xef\xbb\xbf"
                         "cat\r\n\r\ndog\r\n\n\n"),
            (Labels{"cat", "", "dog"}));
  EXPECT_EQ(parse_labels("cat"), Labels{"cat"});
  EXPECT_EQ(parse_labels(""), Labels{});
}

TEST(Labels, BackgroundIsAddedOrDroppedToFit) {
  EXPECT_EQ(*align_labels({"a", "b"}, 2), (Labels{"a", "b"}));
  EXPECT_EQ(*align_labels({"background", "a", "b"}, 2), (Labels{"a", "b"}));
  EXPECT_EQ(*align_labels({"background", "a", "b"}, 3), (Labels{"background", "a", "b"}));
  EXPECT_EQ(*align_labels({"a", "b"}, 3), (Labels{"background", "a", "b"}));
  for (const Labels& labels : {Labels{"other", "a", "b"}, Labels{}, Labels{"a", "b", "c", "d"}}) {
    const auto aligned = align_labels(labels, 2);
    ASSERT_FALSE(aligned);
    EXPECT_EQ(aligned.error().code(), ErrorCode::WrongSize);
  }
}

TEST(Truth, ReadsNestedAndPlainForms) {
  for (const char* json :
       {R"({"source": "x", "images": {"b.jpg": {"index": 2, "label": "y"}, "a.jpg": {"index": 0}}})",
        R"({"b.jpg": {"index": 2}, "a.jpg": {"index": 0}})", R"({"b.jpg": 2, "a.jpg": 0})"}) {
    const auto truth = parse_truth(json);
    ASSERT_TRUE(truth) << json << truth.error().detail();
    ASSERT_EQ(truth->size(), 2u);
    EXPECT_EQ((*truth)[0].file, "a.jpg");
    EXPECT_EQ((*truth)[0].index, 0);
    EXPECT_EQ((*truth)[1].file, "b.jpg");
    EXPECT_EQ((*truth)[1].index, 2);
    EXPECT_EQ((*truth)[0].label, "");
    EXPECT_EQ((*truth)[1].label, std::string_view(json).contains("label") ? "y" : "");
  }
}

TEST(Truth, ErrorsNameTheEntry) {
  for (const char* json : {R"({"a.jpg": {"label": "y"}})", R"({"a.jpg": -1})", R"({"a.jpg": 1.5})",
                           R"({"images": {"a.jpg": null}})"}) {
    const auto truth = parse_truth(json);
    ASSERT_FALSE(truth) << json;
    EXPECT_NE(std::string_view(truth.error().detail()).find("a.jpg"), std::string_view::npos)
        << truth.error().detail();
  }
  for (const char* json : {"", "[1]", "{", "{}", R"({"images": 3})"}) EXPECT_FALSE(parse_truth(json)) << json;
}

}  // namespace
}  // namespace linnet
