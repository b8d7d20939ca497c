#include "base/result.h"

#include <cstdio>
#include <cstring>

namespace linnet {

const char* error_title(ErrorCode code) {
  switch (code) {
#define LINNET_ERROR(name, number, title) \
  case ErrorCode::name:                   \
    return title;
#include "base/errors.def"
#undef LINNET_ERROR
  }
  return "error";
}

Error::Error(ErrorCode code, std::string_view detail) : code_(code) {
  const bool cut = detail.size() >= kCapacity;
  const size_t length = cut ? kCapacity - 4 : detail.size();
  std::memcpy(detail_, detail.data(), length);
  std::memcpy(detail_ + length, cut ? "..." : "", cut ? 4 : 1);
}

Error Error::within(std::string_view prefix) const {
  char text[2 * kCapacity];
  const int length = std::snprintf(text, sizeof text, "%.*s: %s",
                                   static_cast<int>(prefix.size() < kCapacity ? prefix.size() : kCapacity),
                                   prefix.data(), detail_);
  return Error(code_,
               std::string_view(text, static_cast<size_t>(length) < sizeof text ? static_cast<size_t>(length)
                                                                                : sizeof text - 1));
}

std::unexpected<Error> fail(ErrorCode code, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const size_t used = length < 0 ? 0
                                 : (static_cast<size_t>(length) < sizeof text ? static_cast<size_t>(length)
                                                                              : sizeof text - 1);
  return std::unexpected(Error(code, std::string_view(text, used)));
}

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "linnet: internal error: %s at %s:%d\n", condition, file, line);
  __builtin_trap();
}

}  // namespace linnet
