#include "formats/tfjs/json.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

std::unique_ptr<JsonDocument> parse(std::string_view text) {
  auto document = JsonDocument::parse(text);
  EXPECT_TRUE(document) << document.error().detail();
  return std::move(*document);
}

template <class T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : result.error().detail();
}

TEST(Json, ReadsEveryKind) {
  const auto document = parse(
      R"( {"i": -7, "r": 2.5, "s": "a\u00e9\n", "t": true, "n": null, "l": [1, "20", 3.0], "o": {"x": {}}} )");
  const Json root = document->root();
  EXPECT_EQ(*root["i"].integer(), -7);
  EXPECT_EQ(*root["i"].number(), -7.0);
  EXPECT_EQ(*root["r"].number(), 2.5);
  EXPECT_EQ(*root["s"].string(), "a\xc3\xa9\n");
  EXPECT_TRUE(*root["t"].boolean());
  EXPECT_FALSE(root["n"]);
  EXPECT_FALSE(root["absent"]["deeper"]);
  EXPECT_EQ(*root["l"].integers(), (std::vector<int64_t>{1, 20, 3}));
  EXPECT_EQ(root.size(), 7u);
  EXPECT_EQ(root.key(6), "o");
  EXPECT_TRUE(root["o"]["x"].is_object());
}

TEST(Json, ErrorsNameThePlace) {
  const auto document = parse(R"({"a": {"b": [0, {"c": "text"}]}, "f": 1.5, "big": 1e300})");
  const Json value = document->root()["a"]["b"][1]["c"];
  EXPECT_EQ(value.path(), "a.b[1].c");
  EXPECT_EQ(error_of(value.integer()), "a.b[1].c must be a whole number");
  EXPECT_EQ(error_of(value.boolean()), "a.b[1].c must be true or false");
  EXPECT_EQ(error_of(value.number()), "a.b[1].c must be a number");
  EXPECT_EQ(error_of(value.expect_array()), "a.b[1].c must be an array");
  EXPECT_EQ(error_of(document->root()["f"].integer()), "f must be a whole number");
  EXPECT_EQ(error_of(document->root()["big"].integer()), "big must be a whole number");
  EXPECT_EQ(error_of(document->root()["f"].string()), "f must be a string");
  EXPECT_EQ(error_of(document->root()["a"].member("z")), "a has no 'z'");
  EXPECT_EQ(error_of(document->root().member("z")), "the document has no 'z'");
  EXPECT_EQ(error_of(value.member("z")), "a.b[1].c must be an object");
}

TEST(Json, WholeNumbersInStringsAreWhole) {
  const auto document = parse(R"(["12", "-3", "", "1x", " 1", "99999999999999999999"])");
  EXPECT_EQ(*document->root()[size_t{0}].integer(), 12);
  EXPECT_EQ(*document->root()[1].integer(), -3);
  for (size_t i = 2; i < 6; ++i) EXPECT_FALSE(document->root()[i].integer()) << i;
}

TEST(Json, MalformedTextIsNamedByLineAndColumn) {
  const auto document = JsonDocument::parse("{\n  \"a\": 1,\n  \"b\": tru\n}");
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code(), ErrorCode::MalformedJson);
  EXPECT_TRUE(std::string_view(document.error().detail()).starts_with("line 3, column 11: "))
      << document.error().detail();
  for (const char* text : {"", " ", "{", "[1,", "{\"a\" 1}", "[1] 2", "\"\xff\"", "{\"a\":1e999}", "nul"}) {
    const auto bad = JsonDocument::parse(text);
    ASSERT_FALSE(bad) << text;
    EXPECT_EQ(bad.error().code(), ErrorCode::MalformedJson) << text;
  }
}

TEST(Json, DeepNestingIsAnError) {
  const std::string fits = std::string(128, '[') + std::string(128, ']');
  EXPECT_TRUE(JsonDocument::parse(fits));
  for (size_t depth : {129u, 1000000u}) {
    const auto document = JsonDocument::parse(std::string(depth, '['));
    ASSERT_FALSE(document);
    EXPECT_NE(std::string(document.error().detail()).find("nested too deeply"), std::string::npos);
  }
}

TEST(Json, MemberTextIsTheSourceText) {
  const char* text = R"({"x": {"m": 1}, "s": "\"m\": 2,}", "m" : {"a": [1, "}"], "b": null} , "y": 0})";
  EXPECT_EQ(json_member_text(text, "m"), R"({"a": [1, "}"], "b": null})");
  EXPECT_EQ(json_member_text(text, "y"), "0");
  EXPECT_EQ(json_member_text(text, "s"), R"("\"m\": 2,}")");
  EXPECT_EQ(json_member_text(text, "a"), "");
  EXPECT_EQ(json_member_text("{}", "a"), "");
  EXPECT_EQ(json_member_text("[\"a\", 1]", "a"), "");
}

}  // namespace
}  // namespace linnet
