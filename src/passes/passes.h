// The rewrites. Each keeps what the graph computes (to rounding), leaves it sorted and without dead nodes,
// and returns how many places it changed. Their order and its reasons are in pipeline.cc.
#pragma once

#include "graph/graph.h"

namespace linnet {

// Removes nodes whose results nothing uses. Ports stay.
Result<int> eliminate_dead_code(Graph& graph);
// Evaluates nodes that have only constant operands, by their reference kernels.
Result<int> fold_constants(Graph& graph);
// Removes identities and reshapes that change nothing, and joins reshapes of reshapes.
Result<int> clean_up_views(Graph& graph);
// Rewrites batch_norm with constant statistics to a multiplication and an addition per channel.
Result<int> fold_batch_norm(Graph& graph);
// Moves multiplications by, and additions of, constants per channel into the weights and bias of the
// convolution or matmul before them.
Result<int> fold_affine(Graph& graph);
// Merges zero padding of the spatial axes into the convolution after it.
Result<int> merge_pads(Graph& graph);
// Keeps one of several nodes that compute the same.
Result<int> eliminate_common_subexpressions(Graph& graph);
// Composes elementwise nodes into the elementwise node after them; scalar constants become part of the
// expression.
Result<int> fuse_elementwise(Graph& graph);
// Rewrites matrix products and pointwise convolutions whose result's range is dynamic to products of rows
// that become codes when they run.
Result<int> quantize_rows(Graph& graph);
// Rewrites convolutions, matrix products and what lies between them to ops over codes, where graph.ranges
// tells the range of the values on the way (Jacob et al. 2018). Values that only f32 nodes or outputs use
// stay f32. A graph without ranges is left alone.
Result<int> quantize(Graph& graph);
// Joins what a layer norm or an RMS norm is made of (Ba et al. 2016, Zhang and Sennrich 2019) to one
// layer_norm.
Result<int> fuse_norms(Graph& graph);
// Composes elementwise nodes into the epilogue of the structured op before them.
Result<int> fuse_epilogues(Graph& graph);

}  // namespace linnet
