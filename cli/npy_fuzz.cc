// .npy files: what reads in writes out to a file that reads the same.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cli/npy.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Result<Tensor> tensor = read_npy({reinterpret_cast<const std::byte*>(data), size});
  if (!tensor) return 0;
  const std::vector<std::byte> written = write_npy(tensor->view());
  CHECK(is_npy(written));
  const Result<Tensor> again = read_npy(written);
  CHECK(again);
  CHECK(again->dtype() == tensor->dtype() && again->shape() == tensor->shape());
  CHECK(tensor->bytes() == 0 || std::memcmp(again->data(), tensor->data(), tensor->bytes()) == 0);
  return 0;
}
