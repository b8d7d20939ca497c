// The live module's functions: one ladder and one self-test, in static memory.
#include <algorithm>
#include <optional>
#include <string_view>

#include "abi/layout.h"
#include "abi/memory.h"
#include "live/ladder.h"
#include "live/selftest.h"

namespace linnet::abi {
namespace {

static_assert(kRungWasm == u32(Rung::Wasm) && kRungWebGl2 == u32(Rung::WebGl2) &&
              kRungWebGpu == u32(Rung::WebGpu) && kRungCount == linnet::kRungCount);
static_assert(kEventReady == u32(LadderEvent::Ready) && kEventRefused == u32(LadderEvent::Refused) &&
              kEventMeasured == u32(LadderEvent::Measured) && kEventFrame == u32(LadderEvent::Frame) &&
              kEventLost == u32(LadderEvent::Lost) && kEventOutOfMemory == u32(LadderEvent::OutOfMemory) &&
              kEventInvalid == u32(LadderEvent::Invalid) && kEventNotFinite == u32(LadderEvent::NotFinite) &&
              kEventHidden == u32(LadderEvent::Hidden) && kEventVisible == u32(LadderEvent::Visible) &&
              kEventPreparedFrame == u32(LadderEvent::PreparedFrame));
static_assert(kActionWait == u32(LadderAction::Wait) && kActionCompile == u32(LadderAction::Compile) &&
              kActionTest == u32(LadderAction::Test) && kActionMeasure == u32(LadderAction::Measure) &&
              kActionSwitch == u32(LadderAction::Switch) && kActionDrop == u32(LadderAction::Drop) &&
              kActionStore == u32(LadderAction::Store));
static_assert(kRunLimit == LadderLimits{}.run_limit);
static_assert(kTestedOutputs == SelfTest::kMostOutputs && kGoldenAnswers == SelfTest::kMostGolden);

struct Live {
  LiveSetup setup{};
  TestOutput outputs[kTestedOutputs]{};
  char text[kLiveTextBytes]{};
  float chunk[kLiveChunk]{};
  SelfTest test;
  std::optional<Ladder> ladder;
  LiveCommand command{};
  LiveRung rung{};
  LiveState state{};
  Ladder::Explanation explanation;
};

[[clang::no_destroy]] constinit Live live;
// Apart, so that all the rest is zero and takes no room in the file.
constinit uint64_t choice_key = kEmptyKey;

std::string_view given_text(u32 bytes) {
  return {live.text, std::min(bytes, kLiveTextBytes)};
}

Rung rung_of(u32 number) {
  return static_cast<Rung>(std::min(number, kRungCount - 1));
}

bool declare_outputs() {
  const u32 count = std::min(live.setup.output_count, kTestedOutputs);
  TestedOutput outputs[kTestedOutputs];
  for (u32 i = 0; i < count; ++i)
    outputs[i] = {.elements = live.outputs[i].elements,
                  .golden_count = live.outputs[i].golden_count,
                  .golden_range = live.outputs[i].golden_range};
  const bool declared = live.test.declare({outputs, count});
  for (u32 i = 0; i < count; ++i) live.outputs[i].samples = outputs[i].samples;
  return declared;
}

Ladder::Reason describe(const SelfTest::Outcome& outcome) {
  using Verdict = SelfTest::Verdict;
  if (outcome.verdict == Verdict::NotFinite)
    return Ladder::Reason("its self-test gave what is no finite number");
  if (outcome.verdict == Verdict::Unknown)
    return Ladder::Reason("there is nothing to compare its self-test with");
  Ladder::Reason text("its self-test is off by ");
  return text.decimal(outcome.error, 4)
      .append(" of the range, ")
      .decimal(outcome.tolerance, 4)
      .append(" is allowed");
}

}  // namespace

#define LINNET_ABI_LIVE_FUNCTION(result, name, arguments) \
  extern "C" __attribute__((export_name(#name))) result linnet_##name arguments;
#include "abi/abi.def"

u32 linnet_live_abi_hash() {
  return layout_hash();
}

ptr linnet_live_setup() {
  live.setup.outputs = address(live.outputs);
  live.setup.golden = address(live.test.golden().data());
  live.setup.golden_samples = address(live.test.golden_samples().data());
  live.setup.samples = address(live.test.samples().data());
  live.setup.chunk = address(live.chunk);
  live.setup.text = address(live.text);
  return address(&live.setup);
}

void linnet_live_key_part(u32 text_bytes) {
  choice_key = add_to_key(choice_key, given_text(text_bytes));
}

u32 linnet_live_open(u32 text_bytes) {
  const LiveSetup& setup = live.setup;
  const bool declared = declare_outputs();
  LadderSpec spec{.available = declared ? setup.available : 0,
                  .safe_mode = setup.safe_mode != 0,
                  .has_golden = live.test.has_golden(),
                  .key = choice_key,
                  .unix_time = setup.unix_time > 0 ? static_cast<uint64_t>(setup.unix_time) : 0,
                  .record = given_text(text_bytes),
                  .limits = {}};
  if (setup.rebuilds >= 0) spec.limits.rebuilds = static_cast<int>(std::min(setup.rebuilds, 1e6));
  if (setup.backoff >= 0) spec.limits.backoff = setup.backoff;
  live.ladder.emplace(spec, setup.now);
  return declared;
}

void linnet_live_event(u32 event, u32 rung, f64 now, f64 value, u32 text_bytes) {
  if (event <= kEventPreparedFrame)
    live.ladder->event(static_cast<LadderEvent>(event), rung_of(rung), now, value, given_text(text_bytes));
}

ptr linnet_live_next(f64 now) {
  const LadderCommand command = live.ladder->next(now);
  live.command = {.wake = command.wake,
                  .action = static_cast<u32>(command.action),
                  .rung = static_cast<u32>(command.rung),
                  .exact = command.exact ? 1u : 0u};
  return address(&live.command);
}

void linnet_live_fill(u32 input, u32 first, u32 count, u32 whole) {
  const LiveSetup& setup = live.setup;
  fill_self_test_input({.seed = setup.seed, .low = setup.low, .high = setup.high}, input, first, whole != 0,
                       {live.chunk, std::min(count, kLiveChunk)});
}

void linnet_live_judge(u32 rung, u32 precision, f64 now) {
  const SelfTest::Outcome outcome =
      live.test.judge(rung_of(rung), static_cast<Precision>(std::min(precision, 2u)));
  const bool passed = outcome.verdict == SelfTest::Verdict::Passed;
  live.ladder->event(passed ? LadderEvent::Passed : LadderEvent::Failed, rung_of(rung), now, outcome.error,
                     describe(outcome).view());
}

ptr linnet_live_rung(u32 number) {
  const Rung rung = rung_of(number);
  const Ladder& ladder = *live.ladder;
  const std::string_view reason = ladder.reason(rung);
  live.rung = {.median = ladder.median(rung),
               .bytes = static_cast<f64>(ladder.bytes(rung)),
               .error = ladder.error(rung),
               .state = static_cast<u32>(ladder.state(rung)),
               .losses = ladder.losses(rung),
               .recoveries = ladder.recoveries(rung),
               .reason = address(reason.data()),
               .reason_bytes = static_cast<u32>(reason.size())};
  return address(&live.rung);
}

ptr linnet_live_state() {
  const Ladder& ladder = *live.ladder;
  live.explanation = ladder.explain();
  live.state = {.frame_median = ladder.live_quantile(0.5),
                .frame_p95 = ladder.live_quantile(0.95),
                .active = ladder.active() ? static_cast<u32>(*ladder.active()) : kRungCount,
                .decided = ladder.decided(),
                .validations = ladder.validations(),
                .revision = ladder.revision(),
                .explanation = address(live.explanation.view().data()),
                .explanation_bytes = static_cast<u32>(live.explanation.view().size())};
  return address(&live.state);
}

u32 linnet_live_record(f64 now) {
  const auto record = live.ladder->record(now);
  std::copy(record.view().begin(), record.view().end(), live.text);
  return static_cast<u32>(record.view().size());
}

}  // namespace linnet::abi
