// Lowering for WebGL2: kernels become fragment shaders, each draw of which fills the texture of its result.
// Weights lie in one texture, parameters of all draws in one uniform buffer.
#pragma once

#include <optional>

#include "backends/gpu/lower.h"
#include "backends/gpu/product.h"
#include "backends/webgl2/textures.h"

namespace linnet::webgl2 {

using gpu::Kernel;

class Lowering : public gpu::Lowering {
 public:
  Lowering(const Graph& graph, const gpu::Target& target, TexturePlacement placement, gpu::GpuPlan& plan);

  Result<bool> emit(Kernel& kernel, ValueId out) override;
  Result<bool> lower_layer_norm(const Node& node) override;
  // The same into a plain tensor that is no value.
  Result<bool> emit_to(Kernel& kernel, Ref out);

  // Emits a draw of a kernel whose text, GLSL but for @-marks, has its own main. It reads inputs as flat
  // kernels do, and by texel_k(t), the vec4f or vec4i of texel t; those that are no weights also by
  // pick_k(number, layer), see Tensor. `texel_number()` is that of the texel to compute, and store_L(value)
  // gives the one of layer L. `inside(i, size)` has all bits set where 0 <= i < size, else none;
  // `keep(v, mask)` keeps those bits of v.
  Result<bool> emit_draw(const Kernel& kernel, const Tensor& out);

  const Tensor& tensor(Ref ref) const { return tensors_[static_cast<size_t>(ref.offset() / 4)]; }
  // Does a product of the graph add a tensor (adds_tensor)?
  bool has_sums();
  // A plain tensor with a texture of its own.
  Result<Ref> add_tensor(int64_t elements, DType dtype);

 protected:
  Result<bool> lower_product(const Node& node) override;
  Result<bool> lower_depthwise_conv2d(const Node& node) override;
  Result<bool> lower_softmax(const Node& node) override;
  Result<Ref> host_source(ValueId id) override;
  Ref host_target(ValueId id) override;
  size_t most_inputs() const override { return kMostTextures; }

 private:
  std::vector<Tensor> tensors_;
  bool has_sums_ = false;
  NodeId searched_ = 0;  // nodes that were asked for it
};

// The node as a product that the tiled kernel computes; none where it does not.
std::optional<gpu::Product> fits_tiles(const Graph& graph, const Node& node);
// Does the kernel for several pixels at once compute this depthwise convolution?
bool fits_depthwise(const Graph& graph, const Node& node);

// Appends text that gives pixel `row` + l of the result, for each of `layers`, as x<l> and y<l>, where its
// window begins in the input, and n<l>, the first row of its image there. Of the divisions that take long
// only one is made.
void append_window_starts(std::string& text, uint32_t layers);

}  // namespace linnet::webgl2
