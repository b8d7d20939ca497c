#include "base/format.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace linnet {

namespace {

class Writer {
 public:
  explicit Writer(std::span<char> to) : to_(to) {}

  void text(std::string_view text) {
    for (const char c : text) put(c);
  }
  void put(char c) {
    if (used_ + 1 < to_.size()) to_[used_++] = c;
  }
  void whole(uint64_t value) {
    char digits[20];
    size_t count = 0;
    do digits[count++] = static_cast<char>('0' + value % 10);
    while ((value /= 10) != 0);
    while (count > 0) put(digits[--count]);
  }
  void whole(int64_t value) {
    if (value < 0) put('-');
    whole(value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value));
  }
  // Six significant digits, as %g gives them.
  void number(double value);
  size_t finish() {
    to_[used_] = 0;
    return used_;
  }

 private:
  std::span<char> to_;
  size_t used_ = 0;
};

void Writer::number(double value) {
  if (std::signbit(value)) put('-');
  value = std::abs(value);
  if (!(value < INFINITY)) return text(value == value ? "inf" : "nan");
  int exponent = 0;  // of the first digit
  double scaled = value;
  for (; scaled >= 10; ++exponent) scaled /= 10;
  for (; scaled < 1 && scaled > 0; --exponent) scaled *= 10;
  auto digits = static_cast<uint32_t>(scaled * 1e5 + 0.5);
  if (digits >= 1000000) {
    digits /= 10;
    ++exponent;
  }
  char all[6];
  for (int i = 5; i >= 0; --i, digits /= 10) all[i] = static_cast<char>('0' + digits % 10);
  int count = 6;
  while (count > 1 && all[count - 1] == '0') --count;
  const bool scientific = exponent < -4 || exponent >= 6;
  const int shift = scientific ? 0 : exponent;
  if (shift < 0) text(std::string_view("0.0000").substr(0, static_cast<size_t>(1 - shift)));
  for (int i = 0; i < count || i <= shift; ++i) {
    put(i < count ? all[i] : '0');
    if (i == shift && i + 1 < count) put('.');
  }
  if (!scientific) return;
  put('e');
  put(exponent < 0 ? '-' : '+');
  exponent = exponent < 0 ? -exponent : exponent;
  if (exponent < 10) put('0');
  whole(static_cast<uint64_t>(exponent));
}

}  // namespace

size_t format_text(std::span<char> to, const char* format, va_list arguments) {
  Writer out(to);
  for (const char* at = format; *at != 0; ++at) {
    if (*at != '%') {
      out.put(*at);
      continue;
    }
    ++at;
    int precision = -1;
    if (*at == '.') {  // .*
      precision = va_arg(arguments, int);
      at += 2;
    }
    int longs = 0;
    for (; *at == 'l'; ++at) ++longs;
    const bool is_size = *at == 'z';
    if (is_size) ++at;
    switch (*at) {
      case 's': {
        const char* text = va_arg(arguments, const char*);
        out.text(precision < 0 ? std::string_view(text)
                               : std::string_view(text, static_cast<size_t>(precision)));
        break;
      }
      case 'c':
        out.put(static_cast<char>(va_arg(arguments, int)));
        break;
      case 'd':
        out.whole(longs > 1 ? int64_t{va_arg(arguments, long long)} : int64_t{va_arg(arguments, int)});
        break;
      case 'u':
        out.whole(longs > 1 ? uint64_t{va_arg(arguments, unsigned long long)}
                  : is_size ? uint64_t{va_arg(arguments, size_t)}
                            : uint64_t{va_arg(arguments, unsigned)});
        break;
      case 'g':
        out.number(va_arg(arguments, double));
        break;
      default:
        out.put(*at);
        break;
    }
  }
  return out.finish();
}

size_t format_text(std::span<char> to, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const size_t length = format_text(to, format, arguments);
  va_end(arguments);
  return length;
}

std::string decimal(int64_t value) {
  char text[24];
  return {text, format_text(text, "%lld", static_cast<long long>(value))};
}

}  // namespace linnet
