// Result<T>: how every fallible function of the engine reports bad input. No exceptions, no heap in Error.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <string_view>
#include <utility>

namespace linnet {

enum class ErrorCode : uint32_t {
#define LINNET_ERROR(name, number, title) name = number,
#include "base/errors.def"
#undef LINNET_ERROR
};

// The fixed text that opens the message of `code`.
const char* error_title(ErrorCode code);

// What went wrong, in words that name the file, node, shape or byte. Held inline so that making one never
// allocates; a detail that does not fit is cut and ends in "...".
class Error {
 public:
  Error(ErrorCode code, std::string_view detail);

  ErrorCode code() const { return code_; }
  // The detail alone, without the code's title.
  const char* detail() const { return detail_; }
  // The same error with `prefix: ` in front of its detail: adds the place to an error raised deeper.
  Error within(std::string_view prefix) const;

 private:
  static constexpr size_t kCapacity = 380;
  ErrorCode code_;
  char detail_[kCapacity];
};

template <class T>
using Result = std::expected<T, Error>;

// Makes the error to return, with a printf format for its detail.
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

// Our own bug, never bad input: prints where and stops.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace linnet

#define LINNET_CONCAT_(a, b) a##b
#define LINNET_CONCAT(a, b) LINNET_CONCAT_(a, b)

// TRY(expression): returns its error to the caller, or goes on.
#define TRY(...)                                                     \
  do {                                                               \
    if (auto try_result_ = (__VA_ARGS__); !try_result_) [[unlikely]] \
      return std::unexpected(std::move(try_result_).error());        \
  } while (false)

// TRY_ASSIGN(auto x, expression): the same, and gives x the value.
#define TRY_ASSIGN(declaration, ...) \
  TRY_ASSIGN_(LINNET_CONCAT(try_assign_, __LINE__), declaration, __VA_ARGS__)
#define TRY_ASSIGN_(temporary, declaration, ...)          \
  auto temporary = (__VA_ARGS__);                         \
  if (!temporary) [[unlikely]]                            \
    return std::unexpected(std::move(temporary).error()); \
  declaration = std::move(*temporary)

#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::linnet::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
