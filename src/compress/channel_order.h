// In which order a group's channels are best removed, and what its consumers make of the rest.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "compress/channel_groups.h"
#include "compress/prune_criterion.h"

namespace linnet {

// The last convolution or product of the graph (product_weights), or kNone.
NodeId last_product(const Graph& graph);

// The value whose pixels a product's input averages: behind a mean over the image, and reshapes, what goes
// into the mean; else the product's input itself. The mean is linear, so weights that fit every pixel fit it
// too, and there are far more pixels than samples.
ValueId averaged_value(const Graph& graph, const Node& product);

// What is known about a consumer of channels.
struct ConsumerStatistics {
  Eigen::MatrixXd weights;     // patch_weights
  Eigen::MatrixXd covariance;  // of its inputs; empty without samples
  Eigen::VectorXd mean;
  double variance = 0;  // of its results, all outputs together; 1 without samples
};

// A part of the inputs' mean variance that is added to each, so that channels that are nearly sums of others
// do not get huge weights.
inline constexpr double kOrderRidge = 1e-3;

// The norm of the weights that compute each channel of `group`: of each producer its part of the sum over all
// channels, added up. `squared`: of their squares.
std::vector<double> channel_norms(const Graph& graph, const ChannelGroup& group, bool squared);

// All channels of `group`, the first to remove first. statistics[i] is that of the group's consumer i.
std::vector<int32_t> removal_order(const Graph& graph, const ChannelGroup& group,
                                   const std::vector<const ConsumerStatistics*>& statistics,
                                   PruneCriterion criterion);

// The rows of consumer `consumer` that stay when the first `removed` channels of `order` are gone, ascending.
std::vector<int32_t> kept_rows(const ChannelConsumer& consumer, int64_t weight_rows,
                               const std::vector<int32_t>& order, size_t removed);

}  // namespace linnet
