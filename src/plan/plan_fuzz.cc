// Plan words: whatever verify_plan accepts can be walked and printed.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/result.h"
#include "plan/plan.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Plan plan;
  for (const char* name : {"first", "second", "third"}) plan.nodes.emplace_back().name = name;
  // The first byte is the number of steps that the plan claims.
  plan.step_count = data[0];
  plan.words.resize((size - 1) / sizeof(uint32_t));
  if (!plan.words.empty()) std::memcpy(plan.words.data(), data + 1, plan.words.size() * sizeof(uint32_t));
  if (!verify_plan(plan)) return 0;

  size_t steps = 0;
  uint32_t sum = 0;
  for_each_step(plan, [&](const StepHeader& header, const uint32_t* parameters) {
    ++steps;
    for (uint32_t i = 0; i < header.words; ++i) sum += parameters[i];
  });
  volatile uint32_t sink = sum;
  (void)sink;
  CHECK(steps == plan.step_count);
  const std::string text = print_plan(plan);
  size_t lines = 0;
  for (const char c : text) lines += c == '\n';
  CHECK(lines == steps);
  return 0;
}
