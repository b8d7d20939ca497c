// dynamic_matmul(x f32[..,K], w i8[1,1,K,N], scale f32[N], bias f32[N]?) -> f32[..,N]. Each row of x becomes
// codes for the range of its own elements; y = s * scale * sum of w * (code - zero) + bias, where s and zero
// are the row's. The sum is exact, all after it f32. A row that is not finite gives NaN.
#include "ops/definitions.h"
#include "ops/quantized.h"

namespace linnet {

namespace {

Result<void> infer(const InferContext& context) {
  TRY(expect_f32(context, 0, "the left operand", -1));
  TRY(expect_type(context, 1, "the right operand", DType::I8, 4));
  TRY(expect_f32(context, 2, "the scale", 1));
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  if (x.rank() == 0 || w[0] != 1 || w[1] != 1 || x.back() != w[2] || context.shape(2)[0] != w[3])
    return fail(ErrorCode::ShapeMismatch, "operands %s, %s and scale %s do not fit", x.to_string().c_str(),
                w.to_string().c_str(), context.shape(2).to_string().c_str());
  TRY(expect_bias(context, 3, w[3]));
  TRY(expect_depth(w[2]));
  Shape y = x;
  y.set(x.rank() - 1, w[3]);
  return context.set_output(DType::F32, y);
}

void reference(const ReferenceContext& context) {
  const Shape& w = context.inputs[1].shape;
  const int64_t depth = w[2], columns = w[3];
  const auto* weights = context.inputs[1].as<int8_t>();
  const auto* scale = context.inputs[2].as<float>();
  const float* bias = context.inputs.size() > 3 ? context.inputs[3].as<float>() : nullptr;
  auto* out = context.outputs[0].as<float>();
  const int64_t rows = columns > 0 ? context.outputs[0].elements() / columns : 0;
  for (int64_t r = 0; r < rows; ++r) {
    const float* x = context.inputs[0].as<float>() + r * depth;
    float low = 0, high = 0, zeros = 0;
    for (int64_t k = 0; k < depth; ++k) {
      low = std::min(low, x[k]);
      high = std::max(high, x[k]);
      zeros += x[k] * 0;
    }
    const RowQuantization row = row_quantization_of(low, high, zeros);
    for (int64_t n = 0; n < columns; ++n) {
      int32_t sum = 0;
      for (int64_t k = 0; k < depth; ++k)
        sum += weights[k * columns + n] *
               (to_code(x[k] * row.inverse, CodeRange{.zero_point = row.zero_point}) - row.zero_point);
      *out++ = static_cast<float>(sum) * (row.scale * scale[n]) + (bias != nullptr ? bias[n] : 0);
    }
  }
}

int64_t macs(const Node& node, const Graph& graph) {
  return graph.value(node.outputs[0]).shape.elements() * graph.value(node.inputs[0]).shape.back();
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,40]
const %w: i8[1,1,40,13] = random(1)
const %s: f32[13] = random(2)
const %b: f32[13] = random(3)
%y = dynamic_matmul(%x, %w, %s, %b) {epilogue=relu($0)}
output %y)",
    R"(input %x: f32[1,130]
const %w: i8[1,1,130,150] = random(4)
const %s: f32[150] = splat(0.01)
%y = dynamic_matmul(%x, %w, %s)
output %y)",
    R"(input %x: f32[131,64]
const %w: i8[1,1,64,32] = random(5)
const %s: f32[32] = random(6)
%y = dynamic_matmul(%x, %w, %s)
output %y)",
    R"(input %x: f32[1,5,7,33]
const %w: i8[1,1,33,21] = random(7)
const %s: f32[21] = splat(0.02)
const %b: f32[21] = random(8)
%y = dynamic_matmul(%x, %w, %s, %b) {epilogue=relu6($0)}
output %y)",
    R"(input %x: f32[6,1]
input %r: f32[6,17]
const %w: i8[1,1,1,17] = random(9)
const %s: f32[17] = splat(0.03)
const %b: f32[17] = random(10)
%y = dynamic_matmul(%x, %w, %s, %b, %r) {epilogue=add($0, $1)}
output %y)",
    R"(input %x: f32[3,1,21]
const %w: i8[1,1,21,5] = random(11)
const %s: f32[5] = splat(0.5)
%a = elementwise(%x) {expr=relu(sub($0, 0.5))}
%y = dynamic_matmul(%a, %w, %s)
output %y)",
};

}  // namespace

constinit const OpDef k_dynamic_matmul{
    "dynamic_matmul", 3, 4, 1, {}, kTraitEpilogue, 0, infer, reference, macs, LINNET_CASES(kCases)};

}  // namespace linnet
