// Where tensors lie on WebGL2: in textures of four elements a texel, row-major, so that channels that are a
// multiple of four go four to a texel. A draw fills one texture, and cannot read it.
#pragma once

#include <vector>

#include "backends/gpu/plan.h"
#include "backends/gpu/target.h"
#include "graph/graph.h"

namespace linnet::webgl2 {

// A tensor in its texture. Texel t, elements 4t ... 4t + 3, is in a plain tensor the texel of number t,
// counted along the rows. A draw that computes several pixels at once writes a layer for each: then texel u
// of pixel p is number p / layers * unit + u of layer p % layers.
struct Tensor {
  uint32_t texture;
  uint32_t layers;  // 1 in a plain tensor
  uint32_t unit;    // texels of a pixel
  uint32_t width;   // texels in a row that it uses, a power of two
  uint32_t height;
  // Elements of a texel: 4, or in an input image of fewer channels these, so that a pixel is a texel.
  uint32_t lanes;
  DType dtype;

  bool is_plain() const { return layers == 1 && lanes == 4; }
};

// Textures that a draw can read: of the 16 that every device has samplers for, one holds the weights.
inline constexpr size_t kMostTextures = 15;

// Texels of a pixel of the node's result where a draw computes several pixels of it at once; 0 for others.
uint32_t pixel_texels(const Graph& graph, const Node& node);

struct TexturePlacement {
  std::vector<Tensor> tensors;
  std::vector<uint32_t> tensor_of;  // of each value; kNone for constants and what nothing uses
  std::vector<gpu::Texture> textures;
  uint64_t lower_bound_bytes = 0;
};

// A plain tensor of `elements`, without its texture. Fails with TooLarge.
Result<Tensor> plain_tensor(int64_t elements, DType dtype, const gpu::Target& target);

// Gives every value a texture, which tensors that are not alive at the same time share. Fails with TooLarge
// where one does not fit a texture.
Result<TexturePlacement> place_textures(const Graph& graph, const gpu::Target& target);

}  // namespace linnet::webgl2
