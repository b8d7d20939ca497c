// identity(x): x.
#include <cstring>

#include "ops/definitions.h"

namespace linnet {

namespace {

Result<void> infer(const InferContext& context) {
  return context.set_output(context.dtype(0), context.shape(0));
}

void reference(const ReferenceContext& context) {
  if (context.outputs[0].bytes() > 0)
    std::memmove(context.outputs[0].data, context.inputs[0].data, context.outputs[0].bytes());
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[3,5]
%y = identity(%x)
output %y)",
};

}  // namespace

constinit const OpDef k_identity{"identity",          1, 1, 1, {}, kTraitView, 0, infer, reference, nullptr,
                                 LINNET_CASES(kCases)};

}  // namespace linnet
