#include "cli/json.h"

#include <cstdio>

namespace linnet {

void JsonOut::print() const {
  std::fwrite(buffer_.GetString(), 1, buffer_.GetSize(), stdout);
  std::fputc('\n', stdout);
}

}  // namespace linnet
