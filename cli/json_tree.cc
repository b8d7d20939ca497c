#include "cli/json_tree.h"

#include <algorithm>

#include "formats/tfjs/json.h"
#include "formats/tfjs/rapidjson.h"

namespace linnet {

// Takes the parser's events: containers that are open wait on a stack.
class TreeBuilder {
 public:
  bool Null() { return add(JsonTree::literal("null")); }
  bool Bool(bool value) { return add(JsonTree::literal(value ? "true" : "false")); }
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }
  bool RawNumber(const char* text, unsigned length, bool) { return add(JsonTree::literal({text, length})); }
  bool String(const char* text, unsigned length, bool) {
    return is_whole({text, length}) && add(JsonTree::string({text, length}));
  }
  bool Key(const char* text, unsigned length, bool) {
    open_.back().keys_.emplace_back(text, length);
    return is_whole({text, length});
  }
  bool StartObject() { return open(JsonTree::object()); }
  bool StartArray() { return open(JsonTree::array()); }
  bool EndObject(unsigned) { return close(); }
  bool EndArray(unsigned) { return close(); }

  JsonTree take() { return std::move(done_.front()); }

 private:
  // Escapes can name half of a surrogate pair, which UTF-8 cannot hold.
  static bool is_whole(std::string_view text) {
    for (size_t i = 0; i + 1 < text.size(); ++i)
      if (text[i] == '\xed' && static_cast<unsigned char>(text[i + 1]) >= 0xa0) return false;
    return true;
  }
  bool add(JsonTree value) {
    (open_.empty() ? done_ : open_.back().elements_).push_back(std::move(value));
    return true;
  }
  bool open(JsonTree container) {
    open_.push_back(std::move(container));
    return true;
  }
  bool close() {
    JsonTree closed = std::move(open_.back());
    open_.pop_back();
    return add(std::move(closed));
  }

  std::vector<JsonTree> open_, done_;
};

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

unsigned length_of(const std::string& text) {
  return static_cast<unsigned>(text.size());
}

}  // namespace

Result<JsonTree> JsonTree::parse(std::string_view text) {
  // It checks size, depth and encoding, and says where an error stands.
  TRY(JsonDocument::parse(text));
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  TreeBuilder builder;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  if (reader.Parse<kFlags>(stream, builder).IsError())
    return fail(ErrorCode::MalformedJson, "an escape in a text is half of a surrogate pair");
  return builder.take();
}

JsonTree& JsonTree::push(JsonTree element) {
  elements_.push_back(std::move(element));
  return elements_.back();
}

JsonTree* JsonTree::find(std::string_view key) {
  const auto found = std::ranges::find(keys_, key);
  return found == keys_.end() ? nullptr : &elements_[static_cast<size_t>(found - keys_.begin())];
}

JsonTree* JsonTree::find_path(std::initializer_list<std::string_view> keys) {
  JsonTree* at = this;
  for (const std::string_view key : keys)
    if (at != nullptr) at = at->find(key);
  return at;
}

JsonTree& JsonTree::set(std::string_view key, JsonTree value) {
  if (JsonTree* old = find(key)) return *old = std::move(value);
  keys_.emplace_back(key);
  return push(std::move(value));
}

bool JsonTree::remove(std::string_view key) {
  const auto found = std::ranges::find(keys_, key);
  if (found == keys_.end()) return false;
  elements_.erase(elements_.begin() + (found - keys_.begin()));
  keys_.erase(found);
  return true;
}

std::string JsonTree::write() const {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  // As deep as the document, which the reader bounds.
  const auto put = [&writer](const auto& self, const JsonTree& tree) -> void {
    switch (tree.kind_) {
      case Kind::Literal:
        writer.RawValue(tree.text_.data(), tree.text_.size(), rapidjson::kNumberType);
        break;
      case Kind::String:
        writer.String(tree.text_.data(), length_of(tree.text_));
        break;
      case Kind::Array:
        writer.StartArray();
        for (const JsonTree& element : tree.elements_) self(self, element);
        writer.EndArray();
        break;
      case Kind::Object:
        writer.StartObject();
        for (size_t i = 0; i < tree.keys_.size(); ++i) {
          writer.Key(tree.keys_[i].data(), length_of(tree.keys_[i]));
          self(self, tree.elements_[i]);
        }
        writer.EndObject();
        break;
    }
  };
  put(put, *this);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace linnet
