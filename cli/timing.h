// Runs of a session on inputs that stay: what running and measuring share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "runtime/session.h"

namespace linnet {

// Fills `tensor`, the value of `port`, with numbers as images have them: 0 to 1 where fractions can be, else
// 0 to 255. The same seed gives the same numbers. Fails with UnsupportedType for types that have none.
Result<void> fill_input(const PlanPort& port, TensorView tensor, uint32_t seed);

// Such numbers for all inputs of a session, in their order; the i-th has the seed `seed` + i.
Result<std::vector<Buffer>> random_inputs(Session& session, uint32_t seed);

// Copies values to the session's inputs, in their order. Due before every run, which overwrites what it has
// read.
void set_inputs(Session& session, const std::vector<Buffer>& inputs);

// Runs until the number of threads is found, which an explicit number is from the start.
void settle_threads(Session& session, const std::vector<Buffer>& inputs);

// "2 threads", as text shows it.
std::string threads_text(const Session& session);

// Sets the inputs, runs once and gives the run's milliseconds.
double timed_run(Session& session, const std::vector<Buffer>& inputs);

}  // namespace linnet
