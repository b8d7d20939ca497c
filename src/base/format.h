// The part of printf that messages need: %s, %.*s, %c, %d, %u, %zu, %lld, %llu, %g and %%. The C library's
// own is as large in WebAssembly as all kernels of convolutions.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace linnet {

// Writes the text to `to`, at least one character long, cut to fit and closed by a zero. Gives its length.
size_t format_text(std::span<char> to, const char* format, va_list arguments);
// The same with the arguments.
size_t format_text(std::span<char> to, const char* format, ...) __attribute__((format(printf, 2, 3)));

// In decimal; the standard library's to_string brings tables of digits for each type.
std::string decimal(int64_t value);

}  // namespace linnet
