#include "runtime/profile.h"

#include <cstring>

namespace linnet {

namespace {

// The session's inputs as they are: a run overwrites what it has read.
Result<std::vector<Buffer>> keep_inputs(Session& session) {
  std::vector<Buffer> kept;
  for (size_t i = 0; i < session.inputs().size(); ++i) {
    const TensorView input = session.input(i);
    TRY_ASSIGN(Buffer copy, Buffer::copy_of({input.data, input.bytes()}));
    kept.push_back(std::move(copy));
  }
  return kept;
}

// Of all `count` samples but the slowest tenth. Reorders them.
double mean_without_slowest(double* samples, size_t count) {
  double sum = 0;
  const size_t kept = count - count / 10;
  for (; count > kept; --count) {
    double* slowest = samples;
    for (size_t i = 1; i < count; ++i)
      if (samples[i] > *slowest) slowest = samples + i;
    *slowest = samples[count - 1];
  }
  for (size_t i = 0; i < kept; ++i) sum += samples[i];
  return sum / static_cast<double>(kept);
}

}  // namespace

Result<std::vector<NodeProfile>> profile(Session& session, int runs) {
  if (runs < 1 || runs > kMaxProfiledRuns)
    return fail(ErrorCode::InvalidArgument, "%d runs; 1 to %d are possible", runs, kMaxProfiledRuns);
  TRY_ASSIGN(const std::vector<Buffer> inputs, keep_inputs(session));
  const Plan& plan = session.plan();
  std::vector<NodeProfile> rows;
  for_each_step(plan, [&](const StepHeader& header, const uint32_t*) {
    if (rows.empty() || rows.back().node != header.node) rows.push_back({.node = header.node});
    rows.back().kernel = plan_op_name(header.op);
    ++rows.back().steps;
  });
  const size_t count = static_cast<size_t>(runs);
  std::vector<double> seconds(plan.step_count), samples(rows.size() * count);
  for (size_t run = 0; run < count; ++run) {
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].size() > 0) std::memcpy(session.input(i).data, inputs[i].data(), inputs[i].size());
    std::memset(seconds.data(), 0, seconds.size() * sizeof(double));
    session.run_profiled(seconds);
    const double* step = seconds.data();
    for (size_t row = 0; row < rows.size(); ++row)
      for (uint32_t i = 0; i < rows[row].steps; ++i) samples[row * count + run] += 1000 * *step++;
  }
  for (size_t row = 0; row < rows.size(); ++row)
    rows[row].ms = mean_without_slowest(samples.data() + row * count, count);
  return rows;
}

}  // namespace linnet
