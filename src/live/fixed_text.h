// Text in place, for reasons and records: appending never allocates, and what does not fit is cut.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace linnet {

template <size_t kCapacity>
class FixedText {
 public:
  FixedText() = default;
  explicit FixedText(std::string_view text) { append(text); }

  std::string_view view() const { return {text_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }

  FixedText& append(std::string_view text) {
    for (const char c : text) {
      if (size_ == kCapacity) return *this;
      text_[size_++] = c;
    }
    return *this;
  }

  FixedText& number(uint64_t value) { return digits(value, 10, 1); }
  FixedText& hex(uint64_t value, int width) { return digits(value, 16, width); }

  // A value of 0 or more with the given count of decimals; "many" for one that is not finite or beyond 1e15.
  FixedText& decimal(double value, int decimals) {
    if (!(value >= 0 && value < 1e15)) return append("many");
    uint64_t unit = 1;
    for (int i = 0; i < decimals; ++i) unit *= 10;
    const auto scaled = static_cast<uint64_t>(std::floor(value * static_cast<double>(unit) + 0.5));
    number(scaled / unit);
    return decimals > 0 ? append(".").digits(scaled % unit, 10, decimals) : *this;
  }

  // As precise as a person wants it: "3.4 ms", "180 ms".
  FixedText& milliseconds(double value) { return decimal(value, value < 99.95 ? 1 : 0).append(" ms"); }

 private:
  FixedText& digits(uint64_t value, uint64_t base, int width) {
    char reversed[64];
    int count = 0;
    for (; value > 0 || count < width; value /= base) reversed[count++] = "0123456789abcdef"[value % base];
    while (count > 0) append({&reversed[--count], 1});
    return *this;
  }

  std::array<char, kCapacity> text_{};
  size_t size_ = 0;
};

}  // namespace linnet
