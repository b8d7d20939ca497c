// What the ladder remembers from visit to visit, on a virtual clock.
#include <gtest/gtest.h>

#include <string>

#include "live/ladder.h"
#include "live/test_host.h"

namespace linnet {
namespace {

using testing::kAll;
using testing::SimulatedHost;
using testing::spec_with;

std::string choice_of(Rung rung, double milliseconds, uint64_t key = 42) {
  ChoiceRecord record{.key = key, .made = 1'790'000'000 - 3600, .choice = rung, .rungs = {}};
  record.rungs[0] = {20, 5'000'000};
  record.rungs[static_cast<int>(rung)] = {milliseconds, 8'000'000};
  return std::string(print_record(record).view());
}

TEST(LadderMemory, ARememberedWasmCostsNothing) {
  SimulatedHost host(spec_with(kAll, choice_of(Rung::Wasm, 20)));
  host.rung(Rung::Wasm).run = 20;
  host.run_for(100'000);
  // What was only taken over is not stored as if it were new.
  EXPECT_EQ(host.log(), "compile wasm, switch wasm");
  EXPECT_EQ(host.ladder.explain().view(), "WASM, remembered 20.0 ms; WebGPU not tried; WebGL2 not tried");
}

TEST(LadderMemory, ARememberedRungIsTestedAndConfirmedAlone) {
  SimulatedHost host(spec_with(kAll, choice_of(Rung::WebGpu, 5)));
  host.rung(Rung::WebGpu).run = 5.5;
  host.run_for(10'000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGpu);
  EXPECT_EQ(host.count("compile webgl2"), 0);
  EXPECT_EQ(host.count("measure wasm"), 0);
  EXPECT_EQ(host.count("test webgpu"), 1);
  EXPECT_EQ(host.count("store"), 0);
}

TEST(LadderMemory, GrowsOldHoweverOftenItIsTakenOver) {
  constexpr uint64_t kDay = 24 * 3600;
  SimulatedHost first(spec_with(kAll));
  first.rung(Rung::WebGpu).run = 5;
  first.run_for(20'000);
  std::string record(first.ladder.record(first.now()).view());
  for (uint64_t day = 1; day <= 31; ++day) {
    LadderSpec spec = spec_with(kAll, record);
    spec.unix_time += day * kDay;
    SimulatedHost host(spec);
    host.rung(Rung::WebGpu).run = 5;
    host.run_for(20'000);
    if (host.count("store")) record = host.ladder.record(host.now()).view();
    EXPECT_EQ(host.count("compile webgl2"), day == 31) << day;
  }
  EXPECT_GE(parse_record(record)->made, 1'790'000'000 + 31 * kDay);
}

TEST(LadderMemory, ACorrectedFigureKeepsTheChoicesAge) {
  SimulatedHost host(spec_with(kAll, choice_of(Rung::Wasm, 20)));
  host.rung(Rung::Wasm).run = 8;
  host.run_for(20'000);
  EXPECT_EQ(host.count("store"), 1);
  const auto record = parse_record(host.ladder.record(host.now()).view());
  EXPECT_EQ(record->made, 1'790'000'000 - 3600);
  EXPECT_EQ(record->rungs[0].milliseconds, 8);
}

TEST(LadderMemory, ARungThatCouldNotBeCompiledIsTriedAgainAnotherDay) {
  SimulatedHost first(spec_with(kAll));
  first.rung(Rung::WebGpu).refused = "out of memory";
  first.run_for(20'000);
  const auto record = first.ladder.record(first.now());
  for (const int days : {0, 2}) {
    LadderSpec spec = spec_with(kAll, record.view());
    spec.unix_time += static_cast<uint64_t>(days) * 24 * 3600;
    SimulatedHost host(spec);
    host.rung(Rung::WebGpu).run = 5;
    host.run_for(20'000);
    EXPECT_EQ(host.ladder.active(), days ? Rung::WebGpu : Rung::Wasm);
  }
}

TEST(LadderMemory, ARungThatWasLostTooOftenIsTheChoiceOfTheNextVisitAgain) {
  SimulatedHost host(spec_with(kAll, choice_of(Rung::WebGpu, 5)));
  host.rung(Rung::WebGpu).run = 5;
  host.run_for(20'000);
  for (int i = 0; i < 4; ++i) {
    host.tell(LadderEvent::Lost, Rung::WebGpu, "gone");
    host.run_for(8000);
  }
  EXPECT_TRUE(host.ladder.decided());
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_EQ(host.count("store"), 0);
}

TEST(LadderMemory, ARungThatIsSlowerThanRememberedIsNotTaken) {
  SimulatedHost host(spec_with(kAll, choice_of(Rung::WebGpu, 5)));
  host.rung(Rung::WebGpu).run = 30;
  host.rung(Rung::Wasm).run = 12;
  host.rung(Rung::WebGl2).run = 40;
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.active(), Rung::Wasm);
  EXPECT_EQ(host.count("switch"), 1);
  EXPECT_EQ(host.ladder.explain().view(), "WASM, measured 12.0 ms; WebGPU 30.0 ms; WebGL2 40.0 ms");
}

TEST(LadderMemory, ARungThatFailsThisTimeOpensTheChoiceAgain) {
  SimulatedHost host(spec_with(kAll, choice_of(Rung::WebGpu, 5)));
  host.rung(Rung::WebGpu).wrong = "no";
  host.rung(Rung::WebGl2).run = 3;
  host.run_for(20'000);
  EXPECT_EQ(host.ladder.active(), Rung::WebGl2);
}

TEST(LadderMemory, AnotherKeyMeasuresAnew) {
  SimulatedHost host(spec_with(kAll, choice_of(Rung::Wasm, 20, 43)));
  host.run_for(20'000);
  EXPECT_EQ(host.count("compile webgpu"), 1);
  EXPECT_EQ(host.count("compile webgl2"), 1);
}

TEST(LadderMemory, WhatIsStoredIsTakenOver) {
  SimulatedHost first(spec_with(kAll));
  first.rung(Rung::WebGpu).run = 3;
  first.run_for(20'000);
  ASSERT_EQ(first.ladder.active(), Rung::WebGpu);
  const auto record = first.ladder.record(first.now());
  SimulatedHost second(spec_with(kAll, record.view()));
  second.rung(Rung::WebGpu).run = 3;
  second.run_for(20'000);
  EXPECT_EQ(second.ladder.active(), Rung::WebGpu);
  EXPECT_EQ(second.count("compile webgl2"), 0);
}

TEST(LadderMemory, DoesNotTryARungThatIsRefusedBefore) {
  for (const std::string& record : {std::string(), choice_of(Rung::WebGpu, 5)}) {
    SimulatedHost host(spec_with(kAll, record));
    host.rung(Rung::WebGpu).run = 5;
    host.rung(Rung::WebGl2).run = 8;
    host.ladder.event(LadderEvent::Refused, Rung::WebGpu, 0, 0, "the page ended in it");
    host.run_for(20'000);
    EXPECT_EQ(host.count("compile webgpu"), 0);
    EXPECT_EQ(host.ladder.state(Rung::WebGpu), RungState::Skipped);
    EXPECT_EQ(host.ladder.reason(Rung::WebGpu), "the page ended in it");
    EXPECT_EQ(host.ladder.active(), Rung::WebGl2);
    EXPECT_EQ(host.count("store webgl2"), 1);
  }
}

}  // namespace
}  // namespace linnet
