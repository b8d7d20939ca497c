// Bytes in and out: files and URLs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"

namespace linnet {

// True for http:// and https:// addresses.
bool is_url(std::string_view location);

// The whole file. Fails with Io (the path and the system's reason), or TooLarge for more than `max_bytes`.
Result<Buffer> read_file(const std::string& path, uint64_t max_bytes);
// Replaces the file's content. Fails with Io.
Result<void> write_file(const std::string& path, std::span<const std::byte> bytes);

// Downloads over HTTP or HTTPS. Fails with Network (the URL and the HTTP status or the reason, a connection
// that stays silent included), or TooLarge for more than `max_bytes`.
Result<Buffer> fetch(const std::string& url, uint64_t max_bytes);

// A file or a URL.
Result<Buffer> read_location(const std::string& location, uint64_t max_bytes);

inline std::string_view as_text(const Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

}  // namespace linnet
