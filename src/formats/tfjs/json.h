// Typed, checked access to a JSON document: every mistake of the text becomes an error that names the place
// in it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace linnet {

class JsonDocument;

enum class JsonKind : uint8_t { Null, False, True, Integer, Real, String, Array, Object };

// One value of a document, or none. Cheap to copy; valid as long as its document.
class Json {
 public:
  Json() = default;

  // Null also for a member that is absent.
  JsonKind kind() const;
  // False for null.
  explicit operator bool() const { return kind() != JsonKind::Null; }
  bool is_object() const { return kind() == JsonKind::Object; }
  bool is_array() const { return kind() == JsonKind::Array; }
  bool is_string() const { return kind() == JsonKind::String; }
  bool is_number() const { return kind() == JsonKind::Integer || kind() == JsonKind::Real; }

  // The member called `key`: the first where several have that name; none where it is absent or this is no
  // object.
  Json operator[](std::string_view key) const;
  // The member called `key`, which must be there.
  Result<Json> member(std::string_view key) const;

  // Elements of an array or members of an object; 0 for all else.
  size_t size() const;
  // Element or member `index`, which is less than size().
  Json operator[](size_t index) const;
  // The name of member `index` of an object.
  std::string_view key(size_t index) const;

  Result<std::string_view> string() const;
  Result<bool> boolean() const;
  Result<double> number() const;
  // A whole number, or a string that holds one: 64-bit integers travel as strings.
  Result<int64_t> integer() const;
  // An array of whole numbers.
  Result<std::vector<int64_t>> integers() const;
  Result<void> expect_object() const;
  Result<void> expect_array() const;

  // Where the value stands in the document: "modelTopology.node[3].attr".
  std::string path() const;

 private:
  friend class JsonDocument;
  Json(const JsonDocument* document, uint32_t cell) : document_(document), cell_(cell) {}
  std::unexpected<Error> expected(const char* what) const;

  const JsonDocument* document_ = nullptr;
  uint32_t cell_ = 0;
};

// A parsed text: cells in one array, the elements of each array or object beside each other.
class JsonDocument {
 public:
  static constexpr size_t kMaxBytes = size_t{1} << 26;
  static constexpr int kMaxDepth = 128;

  // Fails with MalformedJson (line and column) or TooLarge. Keeps no reference to `text`.
  static Result<std::unique_ptr<JsonDocument>> parse(std::string_view text);

  Json root() const { return {this, root_}; }

 private:
  friend class Json;
  friend class JsonBuilder;
  struct Cell {
    JsonKind kind;
    uint32_t count;  // bytes of a string, elements of an array, members of an object
    union {
      int64_t integer;
      double real;
      size_t first;  // byte in strings_, or cell; an object's members are pairs of name and value
    };
  };
  std::string_view text_of(const Cell& cell) const {
    return std::string_view(strings_).substr(cell.first, cell.count);
  }
  bool find_path(uint32_t from, uint32_t target, std::string& path) const;

  std::vector<Cell> cells_;
  std::string strings_;
  uint32_t root_ = 0;
};

// The text of the root object's member `key` within `text`, which is well-formed JSON; empty where it has
// none.
std::string_view json_member_text(std::string_view text, std::string_view key);

}  // namespace linnet
