#include "backends/gpu/shader_text.h"

namespace linnet::gpu {

namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// WGSL has @-attributes of its own, which pass.
bool is_type(std::string_view word) {
  for (std::string_view type : {"u32", "i32", "f32", "bool", "vec4f", "vec4i", "vec4u", "T", "T4"})
    if (word == type) return true;
  return false;
}

class Translator {
 public:
  Translator(Dialect dialect, std::string_view text) : wgsl_(dialect == Dialect::Wgsl), text_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (text_[at_] != '@') {
        out_ += text_[at_++];
        continue;
      }
      ++at_;
      const std::string_view mark = word();
      if (mark == "fn")
        function();
      else if (is_type(mark))
        declare("var ", mark);
      else
        append({"@", mark});
    }
    return std::move(out_);
  }

 private:
  std::string_view word() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    const size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void append(std::initializer_list<std::string_view> parts) {
    for (std::string_view part : parts) out_ += part;
  }

  void declare(std::string_view keyword, std::string_view type) {
    const std::string_view name = word();
    if (wgsl_)
      append({keyword, name, ": ", type});
    else
      append({type, " ", name});
  }

  void function() {
    const std::string_view result = word();
    const std::string_view name = word();
    if (wgsl_)
      append({"fn ", name, "("});
    else
      append({result, " ", name, "("});
    ++at_;  // (
    while (text_[at_] != ')') {
      if (text_[at_] == ',') {
        out_ += ", ";
        ++at_;
      }
      const std::string_view type = word();
      declare("", type);
    }
    ++at_;
    out_ += ")";
    if (wgsl_) append({" -> ", result});
  }

  bool wgsl_;
  std::string_view text_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string translate(Dialect dialect, std::string_view text) {
  return Translator(dialect, text).run();
}

std::string_view glsl_prologue() {
  return R"(#define u32 uint
#define i32 int
#define f32 float
#define vec4f vec4
#define vec4i ivec4
#define vec4u uvec4
int select(int a, int b, bool c) { return c ? b : a; }
)";
}

}  // namespace linnet::gpu
