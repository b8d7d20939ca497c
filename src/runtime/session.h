// A compiled model, ready to run: replays a CPU plan over one fixed arena. Running allocates nothing and
// cannot fail.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "graph/type.h"
#include "plan/plan.h"
#include "runtime/thread_choice.h"
#include "runtime/thread_pool.h"

namespace linnet {

class Session {
 public:
  // Takes the plan and its packed weights, allocates the arena, and makes a pool of plan.threads, the
  // caller's included. With `measured_threads` the first runs find out how many of them to use. Fails with
  // OutOfMemory.
  static Result<std::unique_ptr<Session>> create(Plan plan, bool measured_threads);

  // The ends of the model, in the order of its signature. Their data lie in the arena and never move.
  std::span<const PlanPort> inputs() const { return plan_.inputs; }
  std::span<const PlanPort> outputs() const { return plan_.outputs; }
  // Row-major elements to fill before every run: the plan reuses an input's place once it has been read.
  TensorView input(size_t index);
  // What an image is written to: input `index` or, in place of it, the codes that the first step would make
  // of it. `quantization` is that of codes (i8).
  struct ImageEntry {
    TensorView view;
    Quantization quantization;
  };
  ImageEntry image_entry(size_t index);
  // An image has been written there, by the same rounding as of the op `quantize`: the next run, and no
  // other, takes it. `wake` takes this back.
  void image_entered();
  // The result, good until the next run.
  TensorView output(size_t index);

  // Optional, before the inputs are written for a run: wakes the threads in the meantime.
  void wake();
  // One inference. Allocates nothing. The result does not depend on the number of threads.
  void run();
  // One inference that adds each step's seconds to `seconds[step]` (plan().step_count entries).
  void run_profiled(std::span<double> seconds);

  const Plan& plan() const { return plan_; }
  // Threads that take part in the next run.
  int threads() const { return choice_.threads(); }
  // Is their number final?
  bool threads_settled() const { return choice_.settled(); }
  ThreadPool& pool() { return *pool_; }
  // Arena, weights and plan, in bytes.
  uint64_t resident_bytes() const;

 private:
  Session(Plan plan, bool measured_threads);
  void wake_pool();
  void run_steps();
  void run_step(const StepHeader& header, const uint32_t* parameters);

  Plan plan_;
  Buffer arena_;
  std::unique_ptr<ThreadPool> pool_;
  ThreadChoice choice_;
  bool codes_entered_ = false;
};

}  // namespace linnet
