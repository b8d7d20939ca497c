// Functions of the C library on text, a byte at a time. The library's own take words, in four times the code;
// what modules search is short.
#include <cstddef>

extern "C" {

void* memchr(const void* text, int wanted, size_t bytes) {
  const auto* at = static_cast<const unsigned char*>(text);
  for (; bytes > 0; ++at, --bytes)
    if (*at == static_cast<unsigned char>(wanted)) return const_cast<unsigned char*>(at);
  return nullptr;
}

size_t strlen(const char* text) {
  const char* end = text;
  while (*end != 0) ++end;
  return static_cast<size_t>(end - text);
}
}
