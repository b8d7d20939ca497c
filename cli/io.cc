#include "cli/io.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace linnet {
namespace {

constexpr long kConnectSeconds = 20;
constexpr long kSilentSeconds = 30;  // without a byte
constexpr long kRedirects = 5;

std::unexpected<Error> io_error(const std::string& path, const char* doing) {
  return fail(ErrorCode::Io, "%s: cannot %s: %s", path.c_str(), doing, std::strerror(errno));
}

std::unexpected<Error> too_large(const std::string& location, uint64_t max_bytes) {
  return fail(ErrorCode::TooLarge, "%s: larger than the %llu bytes accepted here", location.c_str(),
              static_cast<unsigned long long>(max_bytes));
}

class File {
 public:
  File(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~File() { close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }
  bool ok() const { return descriptor_ >= 0; }
  bool close() { return descriptor_ < 0 || ::close(std::exchange(descriptor_, -1)) == 0; }

 private:
  int descriptor_;
};

// What a transfer collects.
struct Download {
  std::vector<std::byte> bytes;
  uint64_t max_bytes;
  bool overflow = false;
};

size_t receive(const char* data, size_t size, size_t count, void* context) {
  auto* download = static_cast<Download*>(context);
  const size_t bytes = size * count;
  if (bytes > download->max_bytes - download->bytes.size()) {
    download->overflow = true;
    return 0;
  }
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  try {
    download->bytes.insert(download->bytes.end(), begin, begin + bytes);
  } catch (const std::bad_alloc&) {  // must not pass through libcurl
    download->overflow = true;
    return 0;
  }
  return bytes;
}

}  // namespace

bool is_url(std::string_view location) {
  return location.starts_with("http://") || location.starts_with("https://");
}

Result<Buffer> read_file(const std::string& path, uint64_t max_bytes) {
  File file(path, O_RDONLY);
  struct stat info {};
  if (!file.ok() || ::fstat(file.descriptor(), &info) != 0) return io_error(path, "open");
  if (S_ISDIR(info.st_mode)) return fail(ErrorCode::Io, "%s: a directory, not a file", path.c_str());
  if (S_ISREG(info.st_mode) && static_cast<uint64_t>(info.st_size) > max_bytes)
    return too_large(path, max_bytes);

  // A pipe has no size to go by, and a file may change, so the content is read to its end.
  std::vector<std::byte> bytes(static_cast<size_t>(info.st_size > 0 ? info.st_size : 0) + 1);
  size_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(bytes.size() * 2 + 65536);
    const ssize_t got = ::read(file.descriptor(), bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "read");
    if (got == 0) break;
    used += static_cast<size_t>(got);
    if (used > max_bytes) return too_large(path, max_bytes);
  }
  return Buffer::copy_of({bytes.data(), used});
}

Result<void> write_file(const std::string& path, std::span<const std::byte> bytes) {
  File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.ok()) return io_error(path, "create");
  while (!bytes.empty()) {
    const ssize_t put = ::write(file.descriptor(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return io_error(path, "write");
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  if (!file.close()) return io_error(path, "write");
  return {};
}

Result<Buffer> fetch(const std::string& url, uint64_t max_bytes) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURL, void (*)(CURL*)> curl(started == CURLE_OK ? curl_easy_init() : nullptr,
                                              curl_easy_cleanup);
  if (!curl) return fail(ErrorCode::Network, "%s: libcurl does not start", url.c_str());

  Download download{.bytes = {}, .max_bytes = max_bytes};
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_MAXREDIRS, kRedirects);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, kSilentSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "linnet/" LINNET_VERSION);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &download);

  const CURLcode done = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (download.overflow) return too_large(url, max_bytes);
  if (done != CURLE_OK) {
    return fail(ErrorCode::Network, "%s: %s", url.c_str(),
                reason[0] != 0 ? reason : curl_easy_strerror(done));
  }
  if (status < 200 || status > 299) {
    return fail(ErrorCode::Network, "%s: the server answered HTTP %ld", url.c_str(), status);
  }
  return Buffer::copy_of(download.bytes);
}

Result<Buffer> read_location(const std::string& location, uint64_t max_bytes) {
  return is_url(location) ? fetch(location, max_bytes) : read_file(location, max_bytes);
}

}  // namespace linnet
