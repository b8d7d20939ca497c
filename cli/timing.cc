#include "cli/timing.h"

#include <chrono>
#include <cstring>

#include "graph/text.h"

namespace linnet {

Result<void> fill_input(const PlanPort& port, TensorView tensor, uint32_t seed) {
  if (port.dtype != DType::F32 && port.dtype != DType::I32 && port.dtype != DType::Bool) {
    return fail(ErrorCode::UnsupportedType,
                "the input '%s' holds %s, for which there are no random numbers; give a file",
                port.name.c_str(), dtype_name(port.dtype));
  }
  fill_random(tensor, seed, 0, port.dtype == DType::F32 ? 1 : port.dtype == DType::Bool ? 2 : 256);
  return {};
}

Result<std::vector<Buffer>> random_inputs(Session& session, uint32_t seed) {
  std::vector<Buffer> values;
  for (size_t i = 0; i < session.inputs().size(); ++i) {
    TensorView view = session.input(i);
    TRY_ASSIGN(Buffer buffer, Buffer::allocate(view.bytes()));
    view.data = buffer.data();
    TRY(fill_input(session.inputs()[i], view, seed + static_cast<uint32_t>(i)));
    values.push_back(std::move(buffer));
  }
  return values;
}

void set_inputs(Session& session, const std::vector<Buffer>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].size() != 0) std::memcpy(session.input(i).data, inputs[i].data(), inputs[i].size());
  }
}

void settle_threads(Session& session, const std::vector<Buffer>& inputs) {
  while (!session.threads_settled()) timed_run(session, inputs);
}

std::string threads_text(const Session& session) {
  return std::to_string(session.threads()) + (session.threads() == 1 ? " thread" : " threads");
}

double timed_run(Session& session, const std::vector<Buffer>& inputs) {
  session.wake();
  set_inputs(session, inputs);
  const auto start = std::chrono::steady_clock::now();
  session.run();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace linnet
