// avg_pool(x[N,H,W,C]) -> [N,H',W',C]; pixels outside the input count neither in the sum nor in the divisor.
// Of i8 codes, the exact sum times the f32 reciprocal of the count, rounded half to even.
#include "graph/quantization.h"
#include "ops/definitions.h"
#include "ops/pool.h"

namespace linnet {

namespace {

void reference(const ReferenceContext& context) {
  if (context.inputs[0].dtype == DType::I8)
    return for_each_window<int8_t>(
        context, [] { return int32_t{0}; }, [](int32_t& sum, int8_t value) { sum += value; },
        [](int32_t sum, int32_t inside) { return mean_code(sum, inside); });
  for_each_window<float>(
      context, [] { return 0.0; }, [](double& sum, float value) { sum += static_cast<double>(value); },
      [](double sum, int32_t inside) { return static_cast<float>(sum / inside); });
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,13,13,20]
%y = avg_pool(%x) {kernel=[13,13]}
output %y)",
    R"(input %x: f32[2,7,8,5]
%y = avg_pool(%x) {kernel=[3,3], strides=[2,2], pads=[1,1,0,1]}
output %y)",
    R"(input %x: f32[1,4,6,16]
%y = avg_pool(%x) {kernel=[2,2], strides=[2,2]}
output %y)",
    R"(input %x: i8[2,7,8,21]
%y = avg_pool(%x) {kernel=[3,3], strides=[2,2], pads=[1,1,0,1]}
output %y)",
    R"(input %x: i8[1,7,7,40]
%y = avg_pool(%x) {kernel=[7,7]}
output %y)",
};

}  // namespace

constinit const OpDef k_avg_pool{"avg_pool", 1,          1,         1,       kPoolAttrs,          kTraitNone,
                                 1e-5f,      infer_pool, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet
