#include "backends/cpu/lower/gemm_step.h"

#include <algorithm>

#include "graph/op_def.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

// Input that one block of rows reads once for every panel of weights: it stays in the second-level cache, the
// panel in the first.
constexpr uint32_t kBlockFloats = 24 * 1024;
constexpr uint32_t kMostBlockRows = 96;
// Up to so many channels the taps along x are merged: their products are too short to be worth a pointer
// each.
constexpr uint32_t kMostMergedChannels = 16;

uint32_t block_rows_for(const GemmParams& p, uint32_t rows, int threads) {
  constexpr uint32_t kTile = simd::kTileRows;
  const uint32_t by_cache = kBlockFloats / std::max(p.channels, 1u);
  const uint32_t by_threads =
      threads > 1 ? (rows + static_cast<uint32_t>(threads) - 1) / static_cast<uint32_t>(threads) : rows;
  const uint32_t wanted = std::clamp(std::min(by_cache, by_threads), kTile, kMostBlockRows);
  return (wanted + kTile - 1) / kTile * kTile;
}

}  // namespace

ValueId bias_operand(const Node& node) {
  return own_inputs(node) > 2 ? node.inputs[2] : kNone;
}

bool has_constant_weights(const Graph& graph, const Node& node) {
  const ValueId bias = bias_operand(node);
  return graph.value(node.inputs[1]).is_constant() && (bias == kNone || graph.value(bias).is_constant());
}

bool has_depthwise_kernel(const Graph& graph, const Node& node) {
  return has_constant_weights(graph, node) && graph.value(node.inputs[1]).shape[3] == 1;
}

Ref pack_bias(Lowering& lowering, ValueId id, uint32_t count, uint32_t padded) {
  const Tensor tensor = id == kNone ? Tensor() : lowering.graph().value(id).constant;
  return lowering.add_weights(padded * sizeof(float), [tensor, count](std::byte* to) {
    if (!tensor.empty()) std::memcpy(to, tensor.data(), count * sizeof(float));
  });
}

void emit_gemm(Lowering& lowering, GemmParams params, const Node& node, ValueId weights, ValueId bias,
               const WeightAt& weight_at, const EpilogueLowering& epilogue) {
  constexpr uint32_t kColumns = simd::kTileColumns;
  const uint32_t taps = params.kernel_y * params.kernel_x, channels = params.channels,
                 columns = params.out_channels;
  const uint32_t panels = (columns + kColumns - 1) / kColumns;
  const uint32_t rows = params.batch * params.grid_h * params.grid_w;
  if (rows == 0) return;
  params.x = lowering.ref(node.inputs[0]);
  params.out = lowering.ref(node.outputs[0]);
  params.zeros = lowering.zeros();
  params.bias = pack_bias(lowering, bias, columns, panels * kColumns);
  const Tensor tensor = lowering.graph().value(weights).constant;
  params.weights =
      lowering.add_weights(uint64_t{panels} * taps * channels * kColumns * sizeof(float), [=](std::byte* to) {
        float* out = reinterpret_cast<float*>(to);
        for (uint32_t panel = 0; panel < panels; ++panel)
          for (uint32_t tap = 0; tap < taps; ++tap)
            for (uint32_t channel = 0; channel < channels; ++channel, out += kColumns)
              for (uint32_t i = 0; i < kColumns && panel * kColumns + i < columns; ++i)
                out[i] = weight_at(tensor.as<float>(), tap, channel, panel * kColumns + i);
      });
  params.merge_x = params.kernel_x > 1 && params.dilation_x == 1 && channels <= kMostMergedChannels ? 1 : 0;
  params.block_rows = block_rows_for(params, rows, lowering.threads());
  params.low = epilogue.clamp.low;
  params.high = epilogue.clamp.high;
  const bool has_program = !epilogue.program.empty() && !epilogue.separate;
  params.has_epilogue = has_program ? 1 : 0;

  std::vector<uint32_t> words;
  append_params(words, params);
  uint64_t scratch = gemm_scratch(params).registers;
  if (has_program) {
    words.insert(words.end(), epilogue.program.begin(), epilogue.program.end());
    scratch += scratch_of(epilogue.program);
  }
  lowering.need_scratch(scratch);
  lowering.emit(PlanOp::Gemm, (rows + params.block_rows - 1) / params.block_rows,
                int64_t{rows} * columns * taps * channels, words);
}

}  // namespace linnet::cpu
