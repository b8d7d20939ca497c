#include "cli/json_tree.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

JsonTree parse(std::string_view text) {
  auto tree = JsonTree::parse(text);
  EXPECT_TRUE(tree) << text;
  return tree ? std::move(*tree) : JsonTree::object();
}

TEST(JsonTree, KeepsNumbersAndOrder) {
  const char* text =
      R"({"z":1.50,"a":[-0,1e300,123456789012345678901234567890,true,null,false],"":{"k":"\u0000 \" ä"},"e":[]})";
  EXPECT_EQ(parse(text).write(), text);
  EXPECT_EQ(parse(" { \"a\" : [ 1 , 2 ] } ").write(), R"({"a":[1,2]})");
  EXPECT_EQ(parse("\xef\xbb\xbf{}").write(), "{}");
}

TEST(JsonTree, Changes) {
  JsonTree tree = parse(R"({"a":{"b":1},"c":[2]})");
  tree.find_path({"a", "b"})->find("none");
  EXPECT_EQ(tree.find_path({"a", "x", "y"}), nullptr);
  EXPECT_EQ(tree.find("a")->find("b")->text(), "1");
  tree.find("a")->set("b", JsonTree::string("x"));
  tree.find("a")->set("n", JsonTree::array()).push(JsonTree::literal("7"));
  tree.find("c")->elements()[0] = JsonTree::object();
  EXPECT_EQ(tree.write(), R"({"a":{"b":"x","n":[7]},"c":[{}]})");
  EXPECT_TRUE(tree.remove("a"));
  EXPECT_FALSE(tree.remove("a"));
  EXPECT_EQ(tree.write(), R"({"c":[{}]})");
}

TEST(JsonTree, ErrorsSayWhere) {
  const auto tree = JsonTree::parse("{\n \"a\": }");
  ASSERT_FALSE(tree);
  EXPECT_NE(std::string_view(tree.error().detail()).find("line 2"), std::string_view::npos);
  EXPECT_FALSE(JsonTree::parse(std::string(200, '[')));
  EXPECT_FALSE(JsonTree::parse(R"(["\ude00"])"));
  EXPECT_FALSE(JsonTree::parse(R"({"\ud800":1})"));
  EXPECT_TRUE(JsonTree::parse(R"(["\ud83d\ude00"])"));
}

}  // namespace
}  // namespace linnet
