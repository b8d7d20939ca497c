// A JSON document to be changed and written again. What is not changed keeps its text: numbers to the digit,
// members in their order.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace linnet {

class JsonTree {
 public:
  enum class Kind { Literal, String, Array, Object };

  // Fails as JsonDocument::parse.
  static Result<JsonTree> parse(std::string_view text);

  static JsonTree object() { return JsonTree(Kind::Object, {}); }
  static JsonTree array() { return JsonTree(Kind::Array, {}); }
  static JsonTree string(std::string_view content) { return JsonTree(Kind::String, content); }
  // A number, true, false or null, as JSON writes it.
  static JsonTree literal(std::string_view text) { return JsonTree(Kind::Literal, text); }

  Kind kind() const { return kind_; }
  bool is_object() const { return kind_ == Kind::Object; }
  bool is_array() const { return kind_ == Kind::Array; }
  // A string's content, a literal's text.
  const std::string& text() const { return text_; }

  // The elements of an array; none otherwise.
  std::vector<JsonTree>& elements() { return elements_; }
  // Appends to an array.
  JsonTree& push(JsonTree element);

  // The member `key` of an object, nullptr where there is none, or this is no object.
  JsonTree* find(std::string_view key);
  // The member at the end of a path of keys, nullptr where one is missing.
  JsonTree* find_path(std::initializer_list<std::string_view> keys);
  // Gives the member `key` of an object another value, or adds it at the end.
  JsonTree& set(std::string_view key, JsonTree value);
  // Removes the member, if it is there. Was it?
  bool remove(std::string_view key);

  // The document's text, without blanks.
  std::string write() const;

 private:
  friend class TreeBuilder;
  JsonTree(Kind kind, std::string_view text) : kind_(kind), text_(text) {}

  Kind kind_;
  std::string text_;
  std::vector<std::string> keys_;   // of an object
  std::vector<JsonTree> elements_;  // its values, in the keys' order; or an array's elements
};

}  // namespace linnet
