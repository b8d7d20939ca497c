#include "runtime/session.h"

#include <time.h>

#include <algorithm>
#include <utility>

#include "backends/cpu/kernel.h"

namespace linnet {

namespace {

// Seconds since some fixed time.
double now() {
  // std::chrono's clocks would bring the table of system errors into the WebAssembly.
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// When to measure threads, in seconds. A browser optimises code during the first runs, and may leave a core
// less meanwhile.
#if defined(__wasm__)
constexpr double kThreadChecks[] = {0, 0.5, 2};
#else
constexpr double kThreadChecks[] = {0};
#endif

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

Session::Session(Plan plan, bool measured_threads)
    : plan_(std::move(plan)),
      pool_(ThreadPool::create(plan_.threads)),
      choice_(pool_->size(),
              measured_threads ? std::span<const double>(kThreadChecks) : std::span<const double>()) {
  // The pool may be smaller than was asked for; scratch is for those that are there.
  plan_.threads = pool_->size();
}

Result<std::unique_ptr<Session>> Session::create(Plan plan, bool measured_threads) {
  auto session = std::unique_ptr<Session>(new Session(std::move(plan), measured_threads));
  TRY_ASSIGN(session->arena_, Buffer::allocate(session->plan_.total_arena_bytes()));
  std::memset(session->arena_.data(), 0, session->arena_.size());
  return session;
}

TensorView Session::input(size_t index) {
  const PlanPort& port = plan_.inputs[index];
  return {port.dtype, port.shape, arena_.data() + port.ref.offset()};
}

Session::ImageEntry Session::image_entry(size_t index) {
  if (!plan_.input_codes) return {input(index), {}};
  const auto& [ref, quantization] = *plan_.input_codes;
  return {{DType::I8, plan_.inputs[index].shape, arena_.data() + ref.offset()}, quantization};
}

void Session::image_entered() {
  codes_entered_ = plan_.input_codes.has_value();
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
  pool_->run({run_share, &task, header.units, header.chunk,
              std::min(choice_.threads(), static_cast<int>(header.threads))});
}

void Session::wake() {
  codes_entered_ = false;
  wake_pool();
}

void Session::wake_pool() {
  if (choice_.threads() > 1) pool_->wake(choice_.threads());
}

void Session::run() {
  if (choice_.settled()) return run_steps();
  const double begin = now();
  run_steps();
  choice_.record(begin, now());
}

void Session::run_steps() {
  wake_pool();
  for_each_step(plan_, [this](const StepHeader& header, const uint32_t* parameters) {
    if (!std::exchange(codes_entered_, false)) run_step(header, parameters);
  });
  pool_->rest();
}

void Session::run_profiled(std::span<double> seconds) {
  CHECK(seconds.size() == plan_.step_count);
  size_t step = 0;
  wake();
  for_each_step(plan_, [&](const StepHeader& header, const uint32_t* parameters) {
    const double begin = now();
    run_step(header, parameters);
    seconds[step++] += now() - begin;
  });
  pool_->rest();
}

uint64_t Session::resident_bytes() const {
  return arena_.size() + plan_.weights_bytes() + plan_.words.size() * sizeof(uint32_t);
}

}  // namespace linnet
