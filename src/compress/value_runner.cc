#include "compress/value_runner.h"

#include <cstring>

#include "runtime/compile.h"

namespace linnet {

Result<ValueRunner> ValueRunner::create(const Graph& graph, std::span<const ValueId> values, int threads) {
  Graph part = graph;
  part.outputs.clear();
  for (const ValueId id : values) part.outputs.push_back({part.value(id).name, id});
  TRY_ASSIGN(std::unique_ptr<Session> session, compile_cpu(std::move(part), {.threads = threads}, nullptr));
  return ValueRunner(std::move(session));
}

void ValueRunner::run(const Tensor& sample) {
  const TensorView input = session_->input(0);
  CHECK(session_->inputs().size() == 1 && sample.bytes() == input.bytes());
  std::memcpy(input.data, sample.data(), sample.bytes());
  session_->run();
}

}  // namespace linnet
