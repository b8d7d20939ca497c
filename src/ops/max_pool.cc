// max_pool(x[N,H,W,C]) -> [N,H',W',C]; pixels outside the input do not count.
#include <limits>

#include "ops/definitions.h"
#include "ops/pool.h"

namespace linnet {

namespace {

void reference(const ReferenceContext& context) {
  if (context.inputs[0].dtype == DType::I8)
    return for_each_window<int8_t>(
        context, [] { return int8_t{-128}; },
        [](int8_t& best, int8_t value) { best = value > best ? value : best; },
        [](int8_t best, int32_t) { return best; });
  for_each_window<float>(
      context, [] { return -std::numeric_limits<float>::infinity(); },
      [](float& best, float value) { best = value > best ? value : best; },
      [](float best, int32_t) { return best; });
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,13,12,24]
%y = max_pool(%x) {kernel=[3,3], strides=[2,2]}
output %y)",
    R"(input %x: f32[2,7,8,5]
%y = max_pool(%x) {kernel=[3,2], strides=[2,2], pads=[1,1,0,1]}
output %y)",
    R"(input %x: f32[1,8,8,16]
%y = max_pool(%x) {kernel=[2,2], strides=[2,2]}
output %y)",
    R"(input %x: i8[2,7,8,37]
%y = max_pool(%x) {kernel=[3,2], strides=[2,2], pads=[1,1,0,1]}
output %y)",
    R"(input %x: f32[1,5,5,4]
%y = max_pool(%x) {kernel=[1,1], strides=[2,2]}
output %y)",
};

}  // namespace

constinit const OpDef k_max_pool{"max_pool", 1,          1,         1,       kPoolAttrs,          kTraitNone,
                                 0,          infer_pool, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet
