#include "compress/calibrator.h"

#include <algorithm>
#include <cmath>

#include "passes/pipeline.h"
#include "runtime/compile.h"

namespace linnet {

namespace {

// The least and the greatest element; NaN when one is not finite.
ValueRange range_of(const TensorView& tensor) {
  const float* data = tensor.as<float>();
  ValueRange range{data[0], data[0]};
  bool finite = true;
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    finite = finite && std::isfinite(data[i]);
    range.low = std::min(range.low, data[i]);
    range.high = std::max(range.high, data[i]);
  }
  return finite ? range : ValueRange{NAN, NAN};
}

}  // namespace

Result<std::unique_ptr<Calibrator>> Calibrator::create(Graph graph, int threads) {
  auto calibrator = std::unique_ptr<Calibrator>(new Calibrator());
  graph.ranges.clear();
  TRY(simplify(graph));
  std::vector<GraphPort> outputs;
  const auto observe = [&](ValueId id) {
    const Value& value = graph.value(id);
    if (value.dtype != DType::F32 || value.is_constant() || value.shape.elements() == 0) return;
    calibrator->values_.push_back({value.name, outputs.size()});
    outputs.push_back({value.name, id});
  };
  for (const GraphPort& port : graph.inputs) observe(port.value);
  for (const Node& node : graph.nodes())
    for (ValueId id : node.outputs) observe(id);
  graph.outputs = std::move(outputs);
  calibrator->sample_.resize(calibrator->values_.size());
  TRY_ASSIGN(calibrator->session_, compile_cpu(std::move(graph), {.threads = threads}, nullptr));
  return calibrator;
}

Result<void> Calibrator::observe() {
  session_->run();
  for (size_t i = 0; i < values_.size(); ++i) {
    sample_[i] = range_of(session_->output(values_[i].output));
    if (!std::isfinite(sample_[i].low))
      return fail(ErrorCode::InvalidArgument, "the value '%s' is not finite for this sample",
                  values_[i].name.c_str());
  }
  for (size_t i = 0; i < values_.size(); ++i) {
    values_[i].low += static_cast<double>(sample_[i].low);
    values_[i].high += static_cast<double>(sample_[i].high);
  }
  ++samples_;
  return {};
}

Ranges Calibrator::ranges() const {
  Ranges ranges;
  if (samples_ == 0) return ranges;
  const double count = static_cast<double>(samples_);
  for (const Observed& value : values_)
    ranges[value.name] = {static_cast<float>(value.low / count), static_cast<float>(value.high / count)};
  return ranges;
}

}  // namespace linnet
