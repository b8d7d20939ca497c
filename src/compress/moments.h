// Second moments of what a layer reads and what it should compute: all that linear least squares needs.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "graph/graph.h"

namespace linnet {

// The rows that a convolution multiplies its weights with: for each pixel of the result its window's pixels
// one after another, zeros where it leaves the image. For a matmul, the rows of its left operand.
class Patches {
 public:
  // `node` is a conv2d, a matmul by a constant matrix (product_weights), or a depthwise_conv2d. Of more than
  // `max_rows` rows an even choice.
  Patches(const Graph& graph, const Node& node, int64_t max_rows);
  // The rows of a value as they are: what a product of 1x1 reads.
  Patches(const Shape& value, int64_t max_rows);

  int64_t rows() const { return static_cast<int64_t>(chosen_.size()); }
  // Numbers in a row: taps times channels.
  int columns() const { return columns_; }
  int taps() const { return taps_; }
  // `input` holds the node's input; the rows lie in it where they need no copy, else in `scratch`.
  const float* extract(const float* input, std::vector<float>& scratch) const;
  // The pixels of the node's result, of `channels` channels, that belong to the rows.
  const float* results(const float* output, int channels, std::vector<float>& scratch) const;

  // extract's reverse: adds what belongs to each row to the pixels that it was taken from.
  void scatter(const float* rows, float* input) const;
  // extract gives the input as it is.
  bool is_whole_input() const { return pixels_.empty(); }
  // The input's pixel that `tap` of a row reads; -1: outside.
  int64_t pixel(int64_t row, int tap) const {
    return pixels_.empty() ? row : pixels_[static_cast<size_t>(row * taps_ + tap)];
  }

 private:
  void choose(int64_t rows, int64_t max_rows);
  int columns_ = 0, taps_ = 1, channels_ = 0;
  std::vector<int64_t> chosen_;  // rows, by the pixel of the result
  bool all_ = false;             // they are chosen
  std::vector<int64_t> pixels_;  // of each row and tap; -1: outside. Empty: the input as it is.
};

// The weights of such a node as a matrix of columns() rows and a column for each output channel (for a
// depthwise convolution taps rows and a column for each channel).
Eigen::MatrixXd patch_weights(const Graph& graph, const Node& node);
// Gives the node these weights, and this bias, which it may lack so far.
Result<void> set_patch_weights(Graph& graph, NodeId node, const Eigen::MatrixXd& weights,
                               const Eigen::VectorXd& bias);
// Zeros where the node has none.
Eigen::VectorXd bias_of(const Graph& graph, const Node& node);

// Sums over rows, in double precision.
struct Moments {
  double count = 0;
  Eigen::VectorXd x_sum, y_sum;
  Eigen::MatrixXd xx, xy;
  double yy = 0;  // of squares of all y

  Moments() = default;
  Moments(int x_columns, int y_columns);
  // Row-major matrices of `rows` rows; y may be null where y_columns is 0.
  void add(const float* x, const float* y, int64_t rows);
  void add(const Moments& other);
  // Every channel's own moments of a depthwise convolution: rows of taps * channels numbers x, of channels
  // numbers y.
  static void add_depthwise(std::vector<Moments>& channels, const float* x, const float* y, int64_t rows);

  Eigen::VectorXd x_mean() const { return x_sum / count; }
  Eigen::VectorXd y_mean() const { return y_sum / count; }
  // Covariances: of x, of x with y, and the variances of y added up.
  Eigen::MatrixXd covariance() const;
  Eigen::MatrixXd cross_covariance() const;
  double y_variance() const;
};

}  // namespace linnet
