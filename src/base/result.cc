#include "base/result.h"

#include <unistd.h>

#include <cstring>

#include "base/format.h"

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
  const size_t length =
      format_text(text, "%.*s: %s", static_cast<int>(prefix.size() < kCapacity ? prefix.size() : kCapacity),
                  prefix.data(), detail_);
  return Error(code_, std::string_view(text, length));
}

std::unexpected<Error> fail(ErrorCode code, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  const size_t length = format_text(text, format, arguments);
  va_end(arguments);
  return std::unexpected(Error(code, std::string_view(text, length)));
}

void check_failed(const char* condition, const char* file, int line) {
  char text[512];
  const size_t length = format_text(text, "linnet: internal error: %s at %s:%d\n", condition, file, line);
  // Nothing is left to do where even this fails.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, length);
  __builtin_trap();
}

}  // namespace linnet
