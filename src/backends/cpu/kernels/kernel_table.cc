#include "backends/cpu/kernel.h"

namespace linnet::cpu {

Kernel kernel_of(PlanOp op) {
  switch (op) {
    case PlanOp::Gemm:
      return gemm;
    case PlanOp::Depthwise:
      return depthwise;
    case PlanOp::Pool:
      return pool;
    case PlanOp::Elementwise:
      return elementwise;
    case PlanOp::Reduce:
      return reduce;
    case PlanOp::Softmax:
      return softmax;
    case PlanOp::ResizeBilinear:
      return resize_bilinear;
    case PlanOp::StridedCopy:
      return strided_copy;
    case PlanOp::PadConstant:
      return pad_constant;
    case PlanOp::QuantizedGemm:
      return quantized_gemm;
    case PlanOp::QuantizedDepthwise:
      return quantized_depthwise;
    case PlanOp::Quantize:
      return quantize;
    case PlanOp::Dequantize:
      return dequantize;
    case PlanOp::QuantizedAdd:
      return quantized_add;
    case PlanOp::Lookup:
      return lookup;
    case PlanOp::QuantizedPool:
      return quantized_pool;
    case PlanOp::QuantizedResize:
      return quantized_resize;
    case PlanOp::DynamicGemm:
      return dynamic_gemm;
    case PlanOp::BatchMatmul:
      return batch_matmul;
    case PlanOp::LayerNorm:
      return layer_norm;
    case PlanOp::RowChain:
      return row_chain;
    case PlanOp::Reference:
      return reference;
  }
  return nullptr;
}

}  // namespace linnet::cpu
