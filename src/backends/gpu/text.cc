#include "backends/gpu/text.h"

#include <cstddef>

namespace linnet::gpu {

namespace {

void append_number(std::string& text, uint32_t number) {
  char digits[10];
  size_t first = sizeof digits;
  do {
    digits[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  text.append(digits + first, sizeof digits - first);
}

void append_pieces(std::string& text, const char* pattern, const Piece* pieces, size_t count) {
  for (; *pattern != 0; ++pattern) {
    const size_t number = static_cast<size_t>(pattern[1] - '0');
    if (*pattern == '$' && number < count) {
      pieces[number].append_to(text);
      ++pattern;
    } else {
      text += *pattern;
    }
  }
}

}  // namespace

void Piece::append_to(std::string& text) const {
  if (kind_ == Kind::Number)
    append_number(text, number_);
  else if (kind_ == Kind::String)
    text += *string_;
  else
    text += text_;
}

void append(std::string& text, const char* pattern, Pieces pieces) {
  append_pieces(text, pattern, pieces.begin(), pieces.size());
}

void append_each(std::string& text, uint32_t times, const char* pattern, Pieces pieces) {
  Piece all[10] = {0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u};
  size_t count = 1;
  for (const Piece& piece : pieces) all[count++] = piece;
  for (uint32_t i = 0; i < times; ++i) {
    all[0] = i;
    append_pieces(text, pattern, all, count);
  }
}

std::string text_of(const char* pattern, Pieces pieces) {
  std::string text;
  append(text, pattern, pieces);
  return text;
}

}  // namespace linnet::gpu
