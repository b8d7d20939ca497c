// lookup(x i8 codes, table i8[128]) -> i8 of x's shape: table[code]. An activation over codes, or a change of
// scale.
#include "ops/definitions.h"
#include "ops/quantized.h"

namespace linnet {

namespace {

Result<void> infer(const InferContext& context) {
  TRY(expect_type(context, 0, "the input", DType::I8, -1));
  TRY(expect_type(context, 1, "the table", DType::I8, -1));
  if (!(context.shape(1) == Shape{kMaxCode + 1}))
    return fail(ErrorCode::ShapeMismatch, "the table has shape %s, must be [%d]",
                context.shape(1).to_string().c_str(), kMaxCode + 1);
  return context.set_output(DType::I8, context.shape(0));
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const int8_t* table = context.inputs[1].as<int8_t>();
  for (int64_t i = 0; i < x.elements(); ++i)
    context.outputs[0].as<int8_t>()[i] = table[x.as<uint8_t>()[i] & kMaxCode];
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: i8[5,131]
const %t: i8[128] = random(1)
%y = lookup(%x, %t)
output %y)",
};

}  // namespace

constinit const OpDef k_lookup{
    "lookup", 2, 2, 1, {}, kTraitNone, 0, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet
