#include "compress/sample_runner.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "graph/subgraph.h"
#include "passes/passes.h"
#include "runtime/compile.h"

namespace linnet {

Result<void> check_samples(const Graph& graph, const Samples& samples, std::span<const std::string> names) {
  if (graph.inputs.size() != 1)
    return fail(ErrorCode::InvalidArgument, "the model has %zu inputs, one can be calibrated",
                graph.inputs.size());
  if (samples.size() == 0) return fail(ErrorCode::InvalidArgument, "there are no calibration samples");
  const Value& input = graph.value(graph.inputs[0].value);
  bool varied = false;
  for (size_t i = 0; i < samples.size(); ++i) {
    const Tensor& sample = samples[i];
    const std::string name = i < names.size() ? names[i] : "sample " + std::to_string(i);
    if (sample.dtype() != input.dtype || !(sample.shape() == input.shape))
      return fail(ErrorCode::WrongSize, "%s is %s%s, the input %s%s", name.c_str(),
                  dtype_name(sample.dtype()), sample.shape().to_string().c_str(), dtype_name(input.dtype),
                  input.shape.to_string().c_str());
    for (int64_t k = 0; k < input.shape.elements(); ++k) {
      const double element = sample.at(k);
      if (!std::isfinite(element))
        return fail(ErrorCode::InvalidArgument, "%s is not finite at element %lld", name.c_str(),
                    static_cast<long long>(k));
      varied = varied || element != samples[0].at(0);
    }
  }
  if (!varied) return fail(ErrorCode::InvalidArgument, "all calibration samples hold one and the same value");
  return {};
}

SampleRunner::SampleRunner(const Graph& graph, const Samples& samples, int threads, size_t stride)
    : threads_(threads), samples_((samples.size() + stride - 1) / stride) {
  const ValueId input = graph.inputs[0].value;
  limit_ = 2 * graph.value(input).shape.elements();
  for (size_t i = 0; i < samples.size(); i += stride)
    held_[input].emplace_back(samples[i].data(), samples[i].data() + samples[i].bytes());
}

std::vector<ValueId> SampleRunner::live_at(const Graph& graph, NodeId node) const {
  std::vector<ValueId> live = boundary_of(graph, node, static_cast<NodeId>(graph.node_count() - 1)).inputs;
  return live;
}

Result<void> SampleRunner::advance(const Graph& graph, NodeId node) {
  for (NodeId at = node; at > position_; --at) {
    const std::vector<ValueId> live = live_at(graph, at);
    int64_t elements = 0;
    for (ValueId id : live) elements += graph.value(id).shape.elements();
    if (elements > limit_) continue;
    std::map<ValueId, std::vector<std::vector<std::byte>>> next;
    for (ValueId id : live) next[id].resize(samples_);
    TRY(visit(graph, at - 1, live, [&](size_t sample, std::span<const TensorView> values) {
      for (size_t i = 0; i < live.size(); ++i)
        next[live[i]][sample].assign(values[i].data, values[i].data + values[i].bytes());
    }));
    held_ = std::move(next);
    position_ = at;
    return {};
  }
  return {};
}

Result<void> SampleRunner::visit(const Graph& graph, NodeId last, std::span<const ValueId> wanted,
                                 const std::function<void(size_t, std::span<const TensorView>)>& use) {
  std::unique_ptr<Session> session;
  std::vector<ValueId> computed;
  for (ValueId id : wanted)
    if (!held_.contains(id) && std::ranges::find(computed, id) == computed.end()) computed.push_back(id);
  if (!computed.empty()) {
    Graph part = extract_nodes(graph, position_, last);
    part.outputs.clear();
    for (ValueId id : computed) {
      const std::string& name = graph.value(id).name;
      part.outputs.push_back({name, part.find_value(name)});
    }
    TRY(eliminate_dead_code(part));
    part.drop_unused_constants();
    TRY_ASSIGN(session, compile_cpu(std::move(part), {.threads = threads_, .quantize = false}, nullptr));
  }
  std::vector<TensorView> views(wanted.size());
  for (size_t sample = 0; sample < samples_; ++sample) {
    if (session != nullptr) {
      for (size_t i = 0; i < session->inputs().size(); ++i) {
        const auto held = held_.find(graph.find_value(session->inputs()[i].name));
        CHECK(held != held_.end());
        std::memcpy(session->input(i).data, held->second[sample].data(), session->input(i).bytes());
      }
      session->run();
    }
    for (size_t i = 0; i < wanted.size(); ++i) {
      const auto at = std::ranges::find(computed, wanted[i]);
      if (at != computed.end()) {
        views[i] = session->output(static_cast<size_t>(at - computed.begin()));
      } else {
        const Value& value = graph.value(wanted[i]);
        views[i] = {value.dtype, value.shape, held_.at(wanted[i])[sample].data()};
      }
    }
    use(sample, views);
  }
  return {};
}

}  // namespace linnet
