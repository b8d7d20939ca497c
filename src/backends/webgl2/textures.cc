#include "backends/webgl2/textures.h"

#include <algorithm>

#include "backends/webgl2/lower.h"
#include "plan/memory_planner.h"
#include "plan/storage.h"

namespace linnet::webgl2 {

namespace {

// Fewer pixels are computed one by one: layers that hold none cost as much as those that do.
constexpr uint32_t kFewPixels = 3;

// Pixels that one draw computes at once, as many as every GPU has targets for. With twice as many an emulated
// one computes an eighth faster, and compiles a fifth longer.
constexpr uint32_t kLayers = 4;

Result<void> set_height(Tensor& tensor, uint64_t texels, const gpu::Target& target) {
  while ((texels + tensor.width - 1) / tensor.width > target.max_texture_size &&
         tensor.width * 2 <= target.max_texture_size)
    tensor.width *= 2;
  const uint64_t height = (texels + tensor.width - 1) / tensor.width;
  if (height > target.max_texture_size)
    return fail(
        ErrorCode::TooLarge,
        "a tensor of %llu texels; this GPU's textures have %u x %u: take a smaller input or the backend wasm",
        static_cast<unsigned long long>(texels), target.max_texture_size, target.max_texture_size);
  tensor.height = static_cast<uint32_t>(std::max<uint64_t>(height, 1));
  return {};
}

// Is the value an image of which a convolution reads one to three channels?
bool is_narrow_image(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  if (value.producer != kNone || value.dtype != DType::F32 || value.shape.rank() != 4 ||
      value.shape.back() > 3)
    return false;
  return std::any_of(graph.nodes().begin(), graph.nodes().end(), [&](const Node& node) {
    return node.op == Op::conv2d && node.inputs[0] == id && fits_tiles(graph, node).has_value();
  });
}

Result<Tensor> shape_tensor(const Graph& graph, ValueId id, const gpu::Target& target) {
  const Value& value = graph.value(id);
  TRY_ASSIGN(Tensor tensor, plain_tensor(value.shape.elements(), value.dtype, target));
  if (is_narrow_image(graph, id)) {
    tensor.lanes = static_cast<uint32_t>(value.shape.back());
    TRY(set_height(tensor, static_cast<uint64_t>(value.shape.elements() / value.shape.back()), target));
  }
  if (value.producer == kNone) return tensor;
  const uint32_t unit = pixel_texels(graph, graph.node(value.producer));
  if (unit == 0) return tensor;
  tensor.layers = kLayers;
  tensor.unit = unit;
  const auto pixels = static_cast<uint64_t>(value.shape.elements() / 4 / unit);
  const uint64_t texels = (pixels + tensor.layers - 1) / tensor.layers * unit;
  // Rows enough to share among cores, and rows that are not mostly empty.
  tensor.width = 16;
  while (uint64_t{tensor.width} * tensor.width * 4 < texels) tensor.width *= 2;
  TRY(set_height(tensor, texels, target));
  return tensor;
}

// A texture in the making, which is taken until step `last`.
struct Slot {
  gpu::Texture texture;
  uint32_t last;
};

uint64_t area(uint32_t width, uint32_t height) {
  return uint64_t{width} * height;
}

// The free slot that grows least, and then wastes least; a new one where all would grow.
uint32_t choose_slot(std::vector<Slot>& slots, const Tensor& tensor, const Lifetime& life) {
  const uint64_t needed = area(tensor.width, tensor.height);
  uint32_t best = kNone;
  uint64_t best_growth = needed, best_area = UINT64_MAX;
  for (uint32_t i = 0; i < slots.size(); ++i) {
    const gpu::Texture& texture = slots[i].texture;
    // The host counts along the rows of plain tensors.
    if (slots[i].last >= life.first || texture.layers != tensor.layers || texture.lanes != tensor.lanes ||
        texture.dtype != tensor.dtype || (tensor.layers == 1 && texture.width != tensor.width))
      continue;
    const uint64_t old = area(texture.width, texture.height);
    const uint64_t growth =
        area(std::max(texture.width, tensor.width), std::max(texture.height, tensor.height)) - old;
    if (growth > best_growth || (growth == best_growth && old >= best_area)) continue;
    best = i;
    best_growth = growth;
    best_area = old;
  }
  if (best == kNone) {
    best = static_cast<uint32_t>(slots.size());
    slots.push_back({{tensor.width, tensor.height, tensor.layers, tensor.lanes, tensor.dtype}, 0});
  }
  gpu::Texture& texture = slots[best].texture;
  texture.width = std::max(texture.width, tensor.width);
  texture.height = std::max(texture.height, tensor.height);
  slots[best].last = life.last;
  return best;
}

}  // namespace

Result<Tensor> plain_tensor(int64_t elements, DType dtype, const gpu::Target& target) {
  Tensor tensor{0, 1, 1, 256, 1, 4, dtype};
  TRY(set_height(tensor, (static_cast<uint64_t>(elements) + 3) / 4, target));
  return tensor;
}

uint32_t pixel_texels(const Graph& graph, const Node& node) {
  const Shape& y = graph.value(node.outputs[0]).shape;
  if (y.rank() == 0 || y.elements() == 0 || y.back() % 4 != 0 || y.elements() / y.back() < kFewPixels)
    return 0;
  if (node.inputs.size() > kMostTextures || (!fits_tiles(graph, node) && !fits_depthwise(graph, node)))
    return 0;
  return static_cast<uint32_t>(y.back() / 4);
}

Result<TexturePlacement> place_textures(const Graph& graph, const gpu::Target& target) {
  const Storage storage = assign_storage(graph, [](const Graph&, const Node&, size_t) { return false; });
  TexturePlacement placement;
  placement.lower_bound_bytes = memory_lower_bound(storage.buffers);
  placement.tensor_of = storage.buffer_of;
  placement.tensors.resize(storage.buffers.size());
  std::vector<Slot> slots;
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    if (storage.buffer_of[id] == kNone || view_root(graph, id) != id) continue;
    auto tensor = shape_tensor(graph, id, target);
    if (!tensor) return std::unexpected(tensor.error().within(graph.value(id).name));
    placement.tensors[storage.buffer_of[id]] = *tensor;
  }
  // In the order of their first use.
  for (size_t i = 0; i < placement.tensors.size(); ++i)
    placement.tensors[i].texture = choose_slot(slots, placement.tensors[i], storage.buffers[i]);
  for (const Slot& slot : slots) placement.textures.push_back(slot.texture);
  return placement;
}

}  // namespace linnet::webgl2
