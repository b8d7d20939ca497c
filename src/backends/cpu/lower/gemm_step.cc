#include "backends/cpu/lower/gemm_step.h"

#include <algorithm>

#include "graph/op_def.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

// Input that one block of rows reads once for every panel of weights: it stays in the second-level cache, the
// panel in the first.
constexpr uint32_t kBlockBytes = 96 * 1024;
constexpr uint32_t kMostBlockRows = 128;
// Up to so many channels the taps along x are merged: their products are too short to be worth a pointer
// each.
constexpr uint32_t kMostMergedChannels = 16;

constexpr uint32_t divide_up(uint32_t a, uint32_t b) {
  return (a + b - 1) / b;
}

// Whole tiles, as many as the cache asks for, in blocks of about the same size.
uint32_t block_rows_for(const GemmGrid& p, const TileSize& tile, uint32_t rows) {
  const uint32_t row_bytes = std::max(p.channels * tile.element_bytes, 1u);
  const uint32_t wanted = std::clamp(kBlockBytes / row_bytes, tile.rows, kMostBlockRows);
  return divide_up(divide_up(rows, divide_up(rows, wanted)), tile.rows) * tile.rows;
}

// Claims that a thread's share is made of at least: a thread that comes late leaves some to the others.
constexpr uint32_t kClaims = 2;

// Units to claim at once: each claim reads all weights, so that it should be a block.
uint32_t chunk_for(const GemmGrid& p, uint32_t rows, uint32_t threads) {
  return std::max(std::min(p.block_rows, rows / threads / kClaims) / p.unit_rows, 1u);
}

// Threads share the columns of few rows: a share of one tile of rows more than another's would be felt.
bool shares_columns(const GemmGrid& p, const TileSize& tile, uint32_t rows, uint32_t threads) {
  constexpr uint32_t kFewTiles = 12;
  return threads > 1 && rows <= std::min(kFewTiles * tile.rows, p.out_channels);
}

// A row of a panel of weights.
struct PanelRow {
  float columns[simd::kTileColumns];
};

// From [row][panel] to [panel][row], by the cycles of the permutation: weights in the order of the model take
// their packed order without a second copy.
void transpose_in_place(std::byte* weights, size_t rows, size_t panels) {
  auto* all = reinterpret_cast<PanelRow*>(weights);
  std::vector<bool> moved(rows * panels);
  for (size_t start = 0; start < moved.size(); ++start) {
    if (moved[start]) continue;
    PanelRow carried = all[start];
    for (size_t at = start; !moved[at];) {
      moved[at] = true;
      at = at % panels * rows + at / panels;
      std::swap(carried, all[at]);
    }
  }
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
  const auto fill = [count](const Tensor& tensor, std::byte* to) {
    if (!tensor.empty()) std::memcpy(to, tensor.data(), count * sizeof(float));
  };
  Tensor bias = id == kNone ? Tensor() : lowering.graph().value(id).constant;
  return lowering.add_weights(padded * sizeof(float), std::move(bias), fill, {});
}

SharedUnits set_blocks(const Lowering& lowering, GemmGrid& p, const TileSize& tile, bool whole_rows) {
  const uint32_t rows = p.batch * p.grid_h * p.grid_w;
  const auto threads = static_cast<uint32_t>(lowering.threads());
  p.merge_x = p.kernel_x > 1 && p.dilation_x == 1 && p.channels <= kMostMergedChannels ? 1 : 0;
  const uint32_t chain_rows = lowering.chain_rows(), panels = divide_up(p.out_channels, tile.columns);
  const bool by_column = chain_rows == 0 && !whole_rows && shares_columns(p, tile, rows, threads);
  p.block_columns = (by_column ? divide_up(panels, threads * kClaims) : panels) * tile.columns;
  if (chain_rows > 0) {
    p.block_rows = block_rows_for(p, tile, chain_rows * p.grid_w);
    p.unit_rows = p.grid_w;
  } else {
    p.block_rows = block_rows_for(p, tile, rows);
    p.unit_rows = by_column ? rows : tile.rows;
  }
  return {divide_up(rows, p.unit_rows) * divide_up(p.out_channels, p.block_columns),
          chunk_for(p, rows, threads)};
}

void emit_gemm(Lowering& lowering, GemmParams params, const Node& node, ValueId weights, ValueId bias,
               const WeightAt& weight_at, bool row_major, const EpilogueLowering& epilogue) {
  constexpr uint32_t kColumns = simd::kTileColumns;
  const uint32_t taps = params.kernel_y * params.kernel_x, channels = params.channels,
                 columns = params.out_channels;
  const uint32_t panels = divide_up(columns, kColumns);
  const uint32_t rows = params.batch * params.grid_h * params.grid_w;
  if (rows == 0) return;
  params.x = lowering.ref(node.inputs[0]);
  params.out = lowering.ref(node.outputs[0]);
  params.padding = lowering.zeros();
  params.bias = pack_bias(lowering, bias, columns, panels * kColumns);
  const auto fill = [=](const Tensor& tensor, std::byte* to) {
    float* out = reinterpret_cast<float*>(to);
    const float* from = tensor.as<float>();
    for (uint32_t panel = 0; panel < panels; ++panel)
      for (uint32_t tap = 0; tap < taps; ++tap)
        for (uint32_t channel = 0; channel < channels; ++channel, out += kColumns)
          for (uint32_t i = 0; i < kColumns && panel * kColumns + i < columns; ++i)
            out[i] = weight_at(from, tap, channel, panel * kColumns + i);
  };
  std::function<void(std::byte*)> rearrange;
  if (row_major && columns % kColumns == 0)
    rearrange = [=](std::byte* weights_there) { transpose_in_place(weights_there, taps * channels, panels); };
  params.weights = lowering.add_weights(uint64_t{panels} * taps * channels * kColumns * sizeof(float),
                                        lowering.graph().value(weights).constant, fill, std::move(rearrange));
  params.low = epilogue.clamp.low;
  params.high = epilogue.clamp.high;
  const bool has_program = !epilogue.program.empty() && !epilogue.separate;
  params.has_epilogue = has_program ? 1 : 0;
  // An epilogue's program needs whole rows.
  const SharedUnits shared =
      set_blocks(lowering, params, {simd::kTileRows, kColumns, sizeof(float)}, has_program);

  std::vector<uint32_t> words;
  append_params(words, params);
  uint64_t scratch = gemm_scratch(params).registers;
  if (has_program) {
    words.insert(words.end(), epilogue.program.begin(), epilogue.program.end());
    scratch += scratch_of(epilogue.program);
  }
  lowering.need_scratch(scratch);
  lowering.emit(PlanOp::Gemm, shared.units, int64_t{rows} * columns * taps * channels, words, shared.chunk);
}

}  // namespace linnet::cpu
