// How the C++ library ends the module: it says why and traps, without the C library's printf, which is as
// large as a family of kernels.
#include <__verbose_abort>

#include "base/result.h"

namespace linnet::abi {
namespace {

// The message's arguments are left out: libc++ formats a file, a line and a condition of its own.
[[noreturn]] void abort_with(const char* format) {
  check_failed(format, "the C++ library", 0);
}

}  // namespace
}  // namespace linnet::abi

// libc++ documents this one as the program's to define.
_LIBCPP_BEGIN_NAMESPACE_STD
void __libcpp_verbose_abort(const char* format, ...) {
  linnet::abi::abort_with(format);
}
_LIBCPP_END_NAMESPACE_STD

// libc++abi's, for what it cannot throw.
extern "C" [[noreturn]] void abort_message(const char* format, ...) {
  linnet::abi::abort_with(format);
}
