// matmul(a[..,M,K], b[..,K,N], bias[N]?) -> [..,M,N]; leading dimensions broadcast. transpose_a, transpose_b:
// the operand's two inner dimensions are swapped first.
#include "ops/matmul.h"

#include "ops/definitions.h"
#include "ops/window.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {{Attr::transpose_a, AttrType::Bool}, {Attr::transpose_b, AttrType::Bool}};

Shape batch_of(const Shape& shape) {
  Shape batch;
  int64_t dims[Shape::kMaxRank];
  for (int i = 0; i < shape.rank() - 2; ++i) dims[i] = shape[i];
  auto made =
      Shape::make(std::span<const int64_t>(dims, static_cast<size_t>(shape.rank() - 2)), DType::F32, "batch");
  return made ? *made : batch;
}

Result<void> infer(const InferContext& context) {
  TRY(expect_f32(context, 0, "the left operand", -1));
  TRY(expect_f32(context, 1, "the right operand", -1));
  const Shape& a = context.shape(0);
  const Shape& b = context.shape(1);
  if (a.rank() < 2 || b.rank() < 2)
    return fail(ErrorCode::ShapeMismatch, "operands %s and %s need at least 2 dimensions",
                a.to_string().c_str(), b.to_string().c_str());
  const bool ta = context.node.attrs.get_bool(Attr::transpose_a, false);
  const bool tb = context.node.attrs.get_bool(Attr::transpose_b, false);
  if (a.back(ta ? 1 : 0) != b.back(tb ? 0 : 1))
    return fail(ErrorCode::ShapeMismatch, "operands %s%s and %s%s do not fit: inner dimensions differ",
                a.to_string().c_str(), ta ? " transposed" : "", b.to_string().c_str(),
                tb ? " transposed" : "");
  const int32_t columns = b.back(tb ? 1 : 0);
  TRY(expect_bias(context, 2, columns));
  TRY_ASSIGN(const Shape batch, broadcast_shapes(batch_of(a), batch_of(b), "batch dimensions"));
  int64_t dims[Shape::kMaxRank];
  for (int i = 0; i < batch.rank(); ++i) dims[i] = batch[i];
  dims[batch.rank()] = a.back(ta ? 0 : 1);
  dims[batch.rank() + 1] = columns;
  return context.set_output(DType::F32,
                            std::span<const int64_t>(dims, static_cast<size_t>(batch.rank()) + 2));
}

int64_t matrix_offset(const Shape& operand, const Shape& result, int64_t index) {
  return matrix_of_batch(operand, result, index) * operand.back() * operand.back(1);
}

void reference(const ReferenceContext& context) {
  const TensorView& a = context.inputs[0];
  const TensorView& b = context.inputs[1];
  const TensorView& y = context.outputs[0];
  const float* bias = context.inputs.size() > 2 ? context.inputs[2].as<float>() : nullptr;
  const bool ta = context.attrs.get_bool(Attr::transpose_a, false);
  const bool tb = context.attrs.get_bool(Attr::transpose_b, false);
  const int64_t rows = y.shape.back(1), columns = y.shape.back(), depth = a.shape.back(ta ? 1 : 0);
  const int64_t batches = rows * columns > 0 ? y.elements() / (rows * columns) : 0;
  float* out = y.as<float>();
  for (int64_t n = 0; n < batches; ++n) {
    const float* pa = a.as<float>() + matrix_offset(a.shape, y.shape, n);
    const float* pb = b.as<float>() + matrix_offset(b.shape, y.shape, n);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        double sum = bias != nullptr ? static_cast<double>(bias[j]) : 0;
        for (int64_t k = 0; k < depth; ++k)
          sum += static_cast<double>(pa[ta ? k * rows + i : i * depth + k]) *
                 static_cast<double>(pb[tb ? j * depth + k : k * columns + j]);
        *out++ = static_cast<float>(sum);
      }
  }
}

int64_t macs(const Node& node, const Graph& graph) {
  const Shape& a = graph.value(node.inputs[0]).shape;
  return graph.value(node.outputs[0]).shape.elements() *
         a.back(node.attrs.get_bool(Attr::transpose_a, false) ? 1 : 0);
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %a: f32[1,40]
const %b: f32[40,13] = random(1)
const %c: f32[13] = random(2)
%y = matmul(%a, %b, %c) {epilogue=relu($0)}
output %y)",
    R"(input %a: f32[1,20]
const %b: f32[20,150] = random(5)
const %c: f32[150] = random(6)
%y = matmul(%a, %b, %c) {epilogue=relu6($0)}
output %y)",
    R"(input %a: f32[7,20]
const %b: f32[20,30] = random(3)
%y = matmul(%a, %b)
output %y)",
    R"(input %a: f32[9,6]
const %b: f32[8,9] = random(4)
%y = matmul(%a, %b) {transpose_a=true, transpose_b=true}
output %y)",
    R"(input %a: f32[2,3,5,4]
input %b: f32[3,4,6]
%y = matmul(%a, %b)
output %y)",
    R"(input %a: f32[2,3,9,33]
input %b: f32[3,21,33]
const %c: f32[21] = random(7)
%y = matmul(%a, %b, %c) {transpose_b=true, epilogue=relu($0)}
output %y)",
    R"(input %a: f32[4,17,8]
input %b: f32[4,8,17]
%y = matmul(%a, %b) {epilogue=add(mul($0, 0.5), 1)}
output %y)",
    R"(input %a: f32[3,4]
input %b: f32[5,4]
%y = matmul(%a, %b) {transpose_b=true}
output %y)",
};

}  // namespace

int64_t matrix_of_batch(const Shape& operand, const Shape& result, int64_t index) {
  int64_t matrix = 0, scale = 1;
  for (int i = 2; i < result.rank(); ++i) {
    const int32_t coordinate = static_cast<int32_t>(index % result.back(i));
    index /= result.back(i);
    if (i >= operand.rank()) continue;
    if (operand.back(i) != 1) matrix += coordinate * scale;
    scale *= operand.back(i);
  }
  return matrix;
}

constinit const OpDef k_matmul{
    "matmul", 2, 3, 1, kAttrs, kTraitEpilogue, 1e-5f, infer, reference, macs, LINNET_CASES(kCases)};

}  // namespace linnet
