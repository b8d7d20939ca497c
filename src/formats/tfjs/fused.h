// What TensorFlow's fused nodes (_FusedConv2D and its like) compute after their product.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/tfjs/graph_op.h"

namespace linnet {

// The fused ops of a node, over its inputs after the first two: an optional bias or batch norm, then an
// activation.
class FusedOps {
 public:
  static Result<FusedOps> read(const GraphOp& op);

  // The bias for the product itself, or kNone.
  ValueId bias() const { return bias_; }
  // The name for the product: the node's own where nothing follows.
  std::string product_name() const;
  // Builds what follows on the product.
  Result<ValueId> apply_rest(ValueId product) const;

 private:
  explicit FusedOps(const GraphOp& op) : op_(op) {}
  Result<ValueId> apply_activation(ValueId input) const;

  const GraphOp& op_;
  ValueId bias_ = kNone;
  std::vector<ValueId> batch_norm_;  // scale, offset, mean, variance
  std::string activation_;           // empty: none
  ValueId prelu_ = kNone;
};

}  // namespace linnet
