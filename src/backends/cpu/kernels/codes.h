// From reals to codes.
#pragma once

#include <cstdint>

#include "graph/quantization.h"

namespace linnet::cpu {

// out[i] = to_code(x[i] * scale, range), for the first `count` elements.
void write_codes(const float* x, uint32_t count, float scale, const CodeRange& range, int8_t* out);

}  // namespace linnet::cpu
