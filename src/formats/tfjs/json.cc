#include "formats/tfjs/json.h"

#include <charconv>
#include <cmath>

#include "base/format.h"
#include "formats/tfjs/rapidjson.h"

namespace linnet {

namespace {

std::unexpected<Error> malformed(std::string_view text, size_t offset, const char* what) {
  size_t line = 1, column = 1;
  for (size_t i = 0; i < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  return fail(ErrorCode::MalformedJson, "line %zu, column %zu: %s", line, column, what);
}

// The end of the string literal that opens at `begin`, past its closing quote.
size_t skip_string(std::string_view text, size_t begin) {
  size_t i = begin + 1;
  while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
  return i < text.size() ? i + 1 : text.size();
}

}  // namespace

// Takes the parser's events. Finished values wait on a stack until the array or object around them closes.
class JsonBuilder {
 public:
  using Kind = JsonKind;
  using Cell = JsonDocument::Cell;

  explicit JsonBuilder(JsonDocument& document) : document_(document) {}

  bool Null() { return push({.kind = Kind::Null, .count = 0, .integer = 0}); }
  bool Bool(bool value) { return push({.kind = value ? Kind::True : Kind::False, .count = 0, .integer = 0}); }
  bool Int(int value) { return Int64(value); }
  bool Uint(unsigned value) { return Int64(value); }
  bool Int64(int64_t value) { return push({.kind = Kind::Integer, .count = 0, .integer = value}); }
  bool Uint64(uint64_t value) {
    return value <= INT64_MAX ? Int64(static_cast<int64_t>(value)) : Double(static_cast<double>(value));
  }
  bool Double(double value) { return push({.kind = Kind::Real, .count = 0, .real = value}); }
  bool RawNumber(const char*, unsigned, bool) { return false; }
  bool String(const char* text, unsigned length, bool) {
    const size_t first = document_.strings_.size();
    document_.strings_.append(text, length);
    return push({.kind = Kind::String, .count = length, .first = first});
  }
  bool Key(const char* text, unsigned length, bool copy) { return String(text, length, copy); }
  bool StartObject() { return open(); }
  bool StartArray() { return open(); }
  bool EndObject(unsigned members) { return close(Kind::Object, members, size_t{members} * 2); }
  bool EndArray(unsigned elements) { return close(Kind::Array, elements, elements); }

  bool too_deep() const { return depth_ > JsonDocument::kMaxDepth; }
  void finish() { document_.root_ = move_to_document(1); }

 private:
  bool push(const Cell& cell) {
    pending_.push_back(cell);
    return true;
  }
  bool open() {
    ++depth_;
    return !too_deep();
  }
  bool close(Kind kind, unsigned count, size_t cells) {
    --depth_;
    const size_t first = move_to_document(cells);
    return push({.kind = kind, .count = count, .first = first});
  }
  uint32_t move_to_document(size_t cells) {
    const size_t first = document_.cells_.size();
    document_.cells_.insert(document_.cells_.end(), pending_.end() - static_cast<std::ptrdiff_t>(cells),
                            pending_.end());
    pending_.resize(pending_.size() - cells);
    return static_cast<uint32_t>(first);
  }

  JsonDocument& document_;
  std::vector<Cell> pending_;
  int depth_ = 0;
};

Result<std::unique_ptr<JsonDocument>> JsonDocument::parse(std::string_view text) {
  if (text.size() > kMaxBytes)
    return fail(ErrorCode::TooLarge, "a JSON text of %zu bytes; at most %zu are read", text.size(),
                kMaxBytes);
  auto document = std::make_unique<JsonDocument>();
  JsonBuilder builder(*document);
  rapidjson::MemoryStream bytes(text.data(), text.size());
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream(bytes);
  rapidjson::Reader reader;
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  const rapidjson::ParseResult parsed = reader.Parse<kFlags>(stream, builder);
  if (parsed.IsError())
    return malformed(text, parsed.Offset(),
                     builder.too_deep() ? "nested too deeply" : rapidjson::GetParseError_En(parsed.Code()));
  builder.finish();
  return document;
}

// Documents are of bounded depth, so the recursion is too.
bool JsonDocument::find_path(uint32_t from, uint32_t target, std::string& path) const {
  if (from == target) return true;
  const Cell& cell = cells_[from];
  if (cell.kind != JsonKind::Array && cell.kind != JsonKind::Object) return false;
  const bool object = cell.kind == JsonKind::Object;
  const size_t length = path.size();
  for (uint32_t i = 0; i < cell.count; ++i) {
    const uint32_t child = static_cast<uint32_t>(cell.first) + (object ? 2 * i + 1 : i);
    if (object) {
      if (!path.empty()) path += '.';
      path += text_of(cells_[child - 1]);
    } else {
      path += '[';
      path += decimal(i);
      path += ']';
    }
    if (find_path(child, target, path)) return true;
    path.resize(length);
  }
  return false;
}

JsonKind Json::kind() const {
  return document_ == nullptr ? JsonKind::Null : document_->cells_[cell_].kind;
}

Json Json::operator[](std::string_view key) const {
  if (!is_object()) return {};
  for (size_t i = 0; i < size(); ++i)
    if (this->key(i) == key) return (*this)[i];
  return {};
}

Result<Json> Json::member(std::string_view key) const {
  TRY(expect_object());
  const Json found = (*this)[key];
  if (!found)
    return fail(ErrorCode::MalformedModel, "%s has no '%.*s'", path().c_str(), static_cast<int>(key.size()),
                key.data());
  return found;
}

size_t Json::size() const {
  return is_array() || is_object() ? document_->cells_[cell_].count : 0;
}

Json Json::operator[](size_t index) const {
  CHECK(index < size());
  const uint32_t first = static_cast<uint32_t>(document_->cells_[cell_].first);
  const uint32_t i = static_cast<uint32_t>(index);
  return {document_, first + (is_object() ? 2 * i + 1 : i)};
}

std::string_view Json::key(size_t index) const {
  CHECK(is_object() && index < size());
  return document_->text_of(document_->cells_[document_->cells_[cell_].first + 2 * index]);
}

std::unexpected<Error> Json::expected(const char* what) const {
  return fail(ErrorCode::MalformedModel, "%s must be %s", path().c_str(), what);
}

Result<void> Json::expect_object() const {
  if (!is_object()) return expected("an object");
  return {};
}

Result<void> Json::expect_array() const {
  if (!is_array()) return expected("an array");
  return {};
}

Result<std::string_view> Json::string() const {
  if (!is_string()) return expected("a string");
  return document_->text_of(document_->cells_[cell_]);
}

Result<bool> Json::boolean() const {
  if (kind() != JsonKind::True && kind() != JsonKind::False) return expected("true or false");
  return kind() == JsonKind::True;
}

Result<double> Json::number() const {
  if (!is_number()) return expected("a number");
  const auto& cell = document_->cells_[cell_];
  return cell.kind == JsonKind::Integer ? static_cast<double>(cell.integer) : cell.real;
}

Result<int64_t> Json::integer() const {
  if (is_string()) {
    const std::string_view text = document_->text_of(document_->cells_[cell_]);
    int64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && rest == text.data() + text.size()) return number;
  } else if (kind() == JsonKind::Integer) {
    return document_->cells_[cell_].integer;
  } else if (kind() == JsonKind::Real) {
    const double number = document_->cells_[cell_].real;
    if (std::fabs(number) <= 0x1p53 && std::floor(number) == number) return static_cast<int64_t>(number);
  }
  return expected("a whole number");
}

Result<std::vector<int64_t>> Json::integers() const {
  TRY(expect_array());
  std::vector<int64_t> numbers;
  numbers.reserve(size());
  for (size_t i = 0; i < size(); ++i) {
    TRY_ASSIGN(const int64_t number, (*this)[i].integer());
    numbers.push_back(number);
  }
  return numbers;
}

std::string Json::path() const {
  std::string path;
  if (document_ == nullptr) return "a missing member";
  document_->find_path(document_->root_, cell_, path);
  return path.empty() ? "the document" : path;
}

std::string_view json_member_text(std::string_view text, std::string_view key) {
  int depth = 0;
  std::string_view name;
  size_t begin = 0;  // of the value of the root's member `name`
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    const size_t next = c == '"' ? skip_string(text, i) : i + 1;
    if (c == '"' && depth == 1 && begin == 0) name = text.substr(i + 1, next - i - 2);
    if (depth == 1 && (c == ',' || c == '}')) {
      if (begin != 0 && name == key) {
        std::string_view value = text.substr(begin, i - begin);
        value.remove_prefix(std::min(value.find_first_not_of(" \t\r\n"), value.size()));
        return value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
      }
      begin = 0;
    }
    if (depth == 1 && c == ':' && begin == 0) begin = next;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    i = next;
  }
  return {};
}

}  // namespace linnet
