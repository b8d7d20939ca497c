#include "runtime/session.h"

#include <time.h>

#include "backends/cpu/kernel.h"

namespace linnet {

namespace {

// One step as the pool's threads see it.
struct StepTask {
  cpu::Memory memory;
  cpu::Kernel kernel;
  const uint32_t* parameters;
  std::byte* scratch;
  uint64_t scratch_bytes;
};

void run_share(void* context, Range range, int thread) {
  const auto& task = *static_cast<const StepTask*>(context);
  task.kernel(task.memory, task.parameters, range,
              task.scratch + task.scratch_bytes * static_cast<uint64_t>(thread));
}

}  // namespace

Result<std::unique_ptr<Session>> Session::create(Plan plan, int threads) {
  auto session = std::unique_ptr<Session>(new Session());
  session->pool_ = ThreadPool::create(threads);
  // The pool may be smaller than was asked for; scratch is for those that are there.
  plan.threads = session->pool_->size();
  TRY_ASSIGN(session->arena_, Buffer::allocate(plan.total_arena_bytes()));
  std::memset(session->arena_.data(), 0, session->arena_.size());
  session->plan_ = std::move(plan);
  return session;
}

TensorView Session::input(size_t index) {
  const PlanPort& port = plan_.inputs[index];
  return {port.dtype, port.shape, arena_.data() + port.ref.offset()};
}

TensorView Session::output(size_t index) {
  const PlanPort& port = plan_.outputs[index];
  std::byte* place =
      port.ref.in_weights() ? plan_.weights[port.ref.number()].data() : arena_.data() + port.ref.offset();
  return {port.dtype, port.shape, place};
}

void Session::run_step(const StepHeader& header, const uint32_t* parameters) {
  StepTask task{{arena_.data(), plan_.weights.data(), &plan_},
                cpu::kernel_of(header.op),
                parameters,
                arena_.data() + plan_.scratch_offset,
                plan_.scratch_bytes};
  if (header.threads <= 1)
    run_share(&task, {0, header.units}, 0);
  else
    pool_->run(run_share, &task, header.units);
}

void Session::run() {
  for_each_step(
      plan_, [this](const StepHeader& header, const uint32_t* parameters) { run_step(header, parameters); });
}

namespace {

// std::chrono's clocks would bring the table of system errors into the WebAssembly.
double seconds_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

void Session::run_profiled(std::span<double> seconds) {
  CHECK(seconds.size() == plan_.step_count);
  size_t step = 0;
  for_each_step(plan_, [&](const StepHeader& header, const uint32_t* parameters) {
    const double start = seconds_now();
    run_step(header, parameters);
    seconds[step++] += seconds_now() - start;
  });
}

uint64_t Session::resident_bytes() const {
  return arena_.size() + plan_.weights_bytes() + plan_.words.size() * sizeof(uint32_t);
}

}  // namespace linnet
