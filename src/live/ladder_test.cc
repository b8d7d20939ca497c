// The ladder on a virtual clock, with a host that knows how every rung behaves.
#include "live/ladder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "live/test_host.h"

namespace linnet {
namespace {

using testing::kAll;
using testing::SimulatedHost;
using testing::SimulatedRung;
using testing::spec_with;

TEST(Ladder, AnswersWithWasmFirstAndAloneAtOnce) {
  SimulatedHost host(spec_with(rung_bit(Rung::Wasm)));
  host.run_for(100);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_EQ(host.log(), "compile wasm, switch wasm");
  EXPECT_TRUE(host.ladder.decided());
  EXPECT_EQ(host.ladder.explain().view(), "WASM; WebGPU is not here; WebGL2 is not here");
}

TEST(Ladder, ChoosesTheMeasuredBestAndNotTheHighestRank) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::Wasm).run = 12.9;
  host.rung(Rung::WebGpu).run = 180;
  host.rung(Rung::WebGl2).run = 70.1;
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_TRUE(host.ladder.decided());
  EXPECT_EQ(host.ladder.explain().view(), "WASM, measured 12.9 ms; WebGPU 180 ms; WebGL2 70.1 ms");
  EXPECT_EQ(host.count("switch"), 1);
  // The losers are freed, and the choice is kept.
  EXPECT_EQ(host.count("drop webgpu"), 1);
  EXPECT_EQ(host.count("drop webgl2"), 1);
  EXPECT_EQ(host.count("store"), 1);
}

TEST(Ladder, WasmAnswersWhileTheOthersCompile) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).compile = 8000;
  host.rung(Rung::WebGpu).run = 2;
  host.run_for(7000);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_EQ(host.ladder.state(Rung::WebGpu), RungState::Compiling);
  host.run_for(10'000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
  EXPECT_EQ(host.frames_without_answer(), 0);
}

TEST(Ladder, ComparesWithWhatWasmAnswersBeforeTheOthersAreTested) {
  SimulatedHost host(spec_with(kAll));
  host.run_for(20'000);
  EXPECT_LT(host.log().find("test wasm"), host.log().find("test webgpu"));
  EXPECT_LT(host.log().find("measure wasm"), host.log().find("compile webgpu"));
}

TEST(Ladder, NeverUsesARungThatIsWrong) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).run = 1;
  host.rung(Rung::WebGpu).wrong = "it is off by 0.2 of the range";
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_EQ(host.ladder.state(Rung::WebGpu), RungState::Skipped);
  EXPECT_EQ(host.count("measure webgpu"), 0);
  EXPECT_EQ(host.count("compile webgpu"), 1);
  EXPECT_NE(host.ladder.explain().view().find("WebGPU skipped: it is off by 0.2"), std::string_view::npos);
}

TEST(Ladder, F16ThatIsWrongGivesWayToF32) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).run = 1;
  host.rung(Rung::WebGpu).half = true;
  host.rung(Rung::WebGpu).wrong = "it is off by 0.2 of the range";
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
  EXPECT_EQ(host.count("compile webgpu"), 2);
  EXPECT_EQ(host.count("drop webgpu"), 1);
  // The same later, in the midst of answers.
  host.tell(LadderEvent::NotFinite, Rung::WebGpu);
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.state(Rung::WebGpu), RungState::Skipped);
  EXPECT_EQ(host.frames_without_answer(), 0);
}

TEST(Ladder, F16ThatOverflowsGivesWayToF32) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).run = 1;
  host.rung(Rung::WebGpu).half = true;
  host.run_for(20'000);
  host.tell(LadderEvent::NotFinite, Rung::WebGpu);
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
  EXPECT_FALSE(host.rung(Rung::WebGpu).half);
  EXPECT_EQ(host.frames_without_answer(), 0);
}

TEST(Ladder, SkipsARungThatCannotBeCompiledOrTakesTooLong) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).refused = "no shaders today";
  host.rung(Rung::WebGl2).compile = 1e9;
  host.run_for(100'000);
  EXPECT_EQ(host.ladder.reason(Rung::WebGpu), "no shaders today");
  EXPECT_EQ(host.ladder.reason(Rung::WebGl2), "compiling it took more than 60 s");
  EXPECT_EQ(host.count("drop webgl2"), 1);
  EXPECT_TRUE(host.ladder.decided());
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
}

TEST(Ladder, SaysWhyARungIsNotHere) {
  SimulatedHost host(spec_with(rung_bit(Rung::Wasm)));
  host.tell(LadderEvent::Refused, Rung::WebGpu, "no adapter");
  host.run_for(100);
  EXPECT_EQ(host.ladder.state(Rung::WebGpu), RungState::Absent);
  EXPECT_EQ(host.ladder.reason(Rung::WebGpu), "no adapter");
  EXPECT_EQ(host.ladder.explain().view(), "WASM; WebGPU is not here: no adapter; WebGL2 is not here");
}

TEST(Ladder, MeasuresInBoundedRunsAndTime) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::Wasm).run = 10;
  host.rung(Rung::WebGpu).run = 9;
  host.rung(Rung::WebGl2).run = 700;
  host.run_for(30'000);
  const LadderLimits limits;
  EXPECT_EQ(host.count("measure wasm"), limits.wasm_warmup_runs + static_cast<int>(limits.most_runs));
  EXPECT_EQ(host.count("measure webgpu"), limits.warmup_runs + static_cast<int>(limits.most_runs));
  // Hopeless after a few; here even the time is up first.
  EXPECT_EQ(host.count("measure webgl2"), 3);
  // A tenth less is no reason to change.
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
}

TEST(Ladder, MemoryDecidesBetweenEquals) {
  for (const bool gl_is_smaller : {false, true}) {
    SimulatedHost host(spec_with(kAll));
    host.rung(Rung::Wasm).run = 100;
    host.rung(Rung::WebGpu).run = 10;
    host.rung(Rung::WebGl2).run = 10.5;
    host.rung(Rung::WebGpu).bytes = 50'000'000;
    host.rung(Rung::WebGl2).bytes = gl_is_smaller ? 20'000'000 : 60'000'000;
    host.run_for(20'000);
    EXPECT_EQ(host.ladder.active(), gl_is_smaller ? Rung::WebGl2 : Rung::WebGpu);
  }
}

TEST(Ladder, SafeModeIsWasmWhateverThereIs) {
  LadderSpec spec = spec_with(kAll);
  spec.safe_mode = true;
  SimulatedHost host(spec);
  host.rung(Rung::WebGpu).run = 0.1;
  host.run_for(20'000);
  EXPECT_EQ(host.log(), "compile wasm, switch wasm");
  EXPECT_EQ(host.ladder.explain().view(), "WASM, as safe mode asks");
}

TEST(LadderDrift, MeasuresAgainAndChanges) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::Wasm).run = 20;
  host.rung(Rung::WebGpu).run = 5;
  host.rung(Rung::WebGl2).run = 30;
  host.run_for(70'000);
  ASSERT_EQ(host.ladder.active(), Rung::WebGpu);
  ASSERT_EQ(host.ladder.validations(), 0u);
  host.rung(Rung::WebGpu).run = 45;  // throttled
  host.run_for(30'000);
  EXPECT_EQ(host.ladder.validations(), 1u);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_EQ(host.frames_without_answer(), 0);
}

TEST(LadderDrift, ASlowDeviceIsNotMeasuredForEver) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).run = host.rung(Rung::WebGl2).run = 300;
  for (int minute = 0; minute < 240; ++minute) {
    host.rung(Rung::Wasm).run = minute % 2 ? 20 : 60;
    host.run_for(60'000);
  }
  EXPECT_GE(host.ladder.validations(), 1u);
  EXPECT_LE(host.ladder.validations(), 12u);
}

TEST(LadderDrift, AQuickerRungOnlyCorrectsTheFigure) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::Wasm).run = 20;
  host.run_for(70'000);
  host.rung(Rung::Wasm).run = 8;
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.validations(), 0u);
  EXPECT_EQ(host.ladder.median(Rung::Wasm), 8);
}

TEST(LadderDrift, PreparingImagesIsNone) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).run = 5;
  host.rung(Rung::WebGpu).prepare = 9;
  host.run_for(300'000);
  ASSERT_EQ(host.ladder.active(), Rung::WebGpu);
  EXPECT_EQ(host.ladder.validations(), 0u);
  EXPECT_EQ(host.ladder.median(Rung::WebGpu), 5);
  EXPECT_EQ(host.ladder.live_quantile(0.5), 14);
  // Frames of the other kind are compared with what was measured.
  host.rung(Rung::WebGpu).prepare = 0;
  host.run_for(30'000);
  EXPECT_EQ(host.ladder.validations(), 0u);
  EXPECT_EQ(host.ladder.live_quantile(0.5), 5);
}

TEST(LadderDrift, IsSeenInFramesThatPrepareImages) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).run = 5;
  host.rung(Rung::WebGpu).prepare = 2;
  host.run_for(70'000);
  ASSERT_EQ(host.ladder.active(), Rung::WebGpu);
  host.rung(Rung::WebGpu).run = 45;  // throttled
  host.run_for(30'000);
  EXPECT_EQ(host.ladder.validations(), 1u);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
}

// --- Loss and recovery

SimulatedHost on_webgpu(LadderLimits limits = {}) {
  LadderSpec spec = spec_with(kAll);
  spec.limits = limits;
  SimulatedHost host(spec);
  host.rung(Rung::WebGpu).run = 4;
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
  return host;
}

TEST(LadderLoss, WasmAnswersUntilTheRungIsBack) {
  SimulatedHost host = on_webgpu();
  host.tell(LadderEvent::Lost, Rung::WebGpu, "the device was lost");
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_EQ(host.ladder.state(Rung::WebGpu), RungState::Rebuilding);
  EXPECT_EQ(host.count("drop webgpu"), 1);
  host.run_for(5000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
  EXPECT_EQ(host.ladder.losses(Rung::WebGpu), 1u);
  EXPECT_EQ(host.ladder.recoveries(Rung::WebGpu), 1u);
  EXPECT_EQ(host.frames_without_answer(), 0);
  // It was measured before, but has to pass its test again.
  EXPECT_EQ(host.count("test webgpu"), 2);
  EXPECT_EQ(host.count("measure webgpu"), 10);
}

TEST(LadderLoss, AfterAFewInARowTheNextBestAnswers) {
  SimulatedHost host = on_webgpu();
  for (int i = 0; i < 4; ++i) {
    host.tell(LadderEvent::Lost, Rung::WebGpu, "gone");
    host.run_for(8000);
  }
  EXPECT_EQ(host.ladder.state(Rung::WebGpu), RungState::Skipped);
  EXPECT_EQ(host.ladder.reason(Rung::WebGpu), "lost 4 times, at last: gone");
  EXPECT_EQ(host.ladder.recoveries(Rung::WebGpu), 3u);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
}

TEST(LadderLoss, ARungThatHeldForLongHasItsAttemptsAgain) {
  SimulatedHost host = on_webgpu();
  for (int i = 0; i < 100; ++i) {
    host.tell(LadderEvent::Lost, Rung::WebGpu, "gone");
    host.run_for(40'000);
    ASSERT_EQ(host.ladder.active(), Rung::WebGpu) << i;
  }
  EXPECT_EQ(host.ladder.losses(Rung::WebGpu), 100u);
  EXPECT_EQ(host.ladder.recoveries(Rung::WebGpu), 100u);
  EXPECT_EQ(host.frames_without_answer(), 0);
}

TEST(LadderLoss, AnInvalidCallRebuildsAndExhaustedMemoryStepsDown) {
  SimulatedHost host = on_webgpu();
  host.tell(LadderEvent::Invalid, Rung::WebGpu, "a binding is missing");
  host.run_for(5000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
  host.tell(LadderEvent::OutOfMemory, Rung::WebGpu, "out of memory");
  host.run_for(100'000);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_EQ(host.ladder.state(Rung::WebGpu), RungState::Skipped);
}

TEST(LadderLoss, AnAnswerThatIsNoNumberEndsTheRung) {
  SimulatedHost host = on_webgpu();
  host.tell(LadderEvent::NotFinite, Rung::WebGpu);
  host.run_for(100'000);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_EQ(host.count("compile webgpu"), 1);
}

TEST(LadderLoss, LostWhileItCompilesIsTriedAgain) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).compile = 3000;
  host.rung(Rung::WebGpu).run = 2;
  host.run_for(1500);
  ASSERT_EQ(host.ladder.state(Rung::WebGpu), RungState::Compiling);
  host.tell(LadderEvent::Lost, Rung::WebGpu, "gone");
  host.run_for(30'000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
}

TEST(LadderLoss, WasmItselfIsRebuilt) {
  SimulatedHost host(spec_with(kAll));
  host.run_for(10'000);
  host.tell(LadderEvent::Lost, Rung::Wasm, "it trapped");
  EXPECT_EQ(host.ladder.active(), std::nullopt);
  host.run_for(5000);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_EQ(host.ladder.recoveries(Rung::Wasm), 1u);
}

// --- Golden answers, hidden pages

TEST(LadderGolden, WasmThatFailsStaysOnlyAsTheLastResort) {
  LadderSpec spec = spec_with(kAll);
  spec.has_golden = true;
  SimulatedHost host(spec);
  host.rung(Rung::Wasm).wrong = "off";
  host.rung(Rung::WebGpu).run = 500;
  host.rung(Rung::WebGl2).wrong = "off too";
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
  host.tell(LadderEvent::NotFinite, Rung::WebGpu);
  host.run_for(1000);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
}

TEST(LadderHidden, NothingIsMeasuredMeanwhile) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).run = 2;
  host.run_for(50);
  host.tell(LadderEvent::Hidden, Rung::Wasm);
  const int measured = host.count("measure");
  host.run_for(200'000);
  EXPECT_EQ(host.count("measure"), measured);
  EXPECT_EQ(host.count("compile webgpu"), 0);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  host.tell(LadderEvent::Visible, Rung::Wasm);
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
}

TEST(LadderHidden, ARungLostThereIsRebuiltOnReturn) {
  SimulatedHost host = on_webgpu();
  host.tell(LadderEvent::Hidden, Rung::Wasm);
  host.tell(LadderEvent::Lost, Rung::WebGpu, "taken away in the background");
  host.run_for(100'000);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  host.tell(LadderEvent::Visible, Rung::Wasm);
  host.run_for(10'000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
}

TEST(Ladder, CutsTextsThatDoNotFit) {
  SimulatedHost host(spec_with(kAll));
  host.rung(Rung::WebGpu).refused = std::string(5000, 'x');
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.reason(Rung::WebGpu), std::string(160, 'x'));
}

}  // namespace
}  // namespace linnet
