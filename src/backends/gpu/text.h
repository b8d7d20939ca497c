// Puts texts together from patterns: one call out of line, in place of a chain of concatenations.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace linnet::gpu {

// What stands for a mark of a pattern: text, or a number in decimal. Holds a reference.
class Piece {
 public:
  Piece(const char* text) : kind_(Kind::Characters), text_(text) {}
  Piece(const std::string& text) : kind_(Kind::String), string_(&text) {}
  Piece(uint32_t number) : kind_(Kind::Number), number_(number) {}
  Piece(int32_t number) : Piece(static_cast<uint32_t>(number)) {}  // not negative

  void append_to(std::string& text) const;

 private:
  enum class Kind : uint8_t { Characters, String, Number } kind_;
  union {
    const char* text_;
    const std::string* string_;
    uint32_t number_;
  };
};

using Pieces = std::initializer_list<Piece>;

// Appends `pattern` with pieces[n] for each mark $n, n one digit. Other $ stand for themselves.
void append(std::string& text, const char* pattern, Pieces pieces = {});
// Appends the pattern so many times: $0 is the number of the time, from 0; pieces begin with $1.
void append_each(std::string& text, uint32_t times, const char* pattern, Pieces pieces = {});
std::string text_of(const char* pattern, Pieces pieces = {});

}  // namespace linnet::gpu
