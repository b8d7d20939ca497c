// Whatever the events and their order: WASM answers unless it is lost itself, changes keep their distance,
// work ends.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "live/ladder.h"

namespace linnet {
namespace {

constexpr LadderEvent kEvents[] = {LadderEvent::Ready,        LadderEvent::Refused,     LadderEvent::Passed,
                                   LadderEvent::Failed,       LadderEvent::Measured,    LadderEvent::Frame,
                                   LadderEvent::Lost,         LadderEvent::OutOfMemory, LadderEvent::Invalid,
                                   LadderEvent::NotFinite,    LadderEvent::Hidden,      LadderEvent::Visible,
                                   LadderEvent::PreparedFrame};

struct Walk {
  std::mt19937 random;
  Ladder ladder;
  double now = 0;
  int works[kRungCount] = {};
  bool forced = false;
  double switched = -1e9;
  std::optional<Rung> answering;
  std::optional<Rung> lost;

  Walk(uint32_t seed, const LadderSpec& spec) : random(seed), ladder(spec, 0) {}
  uint32_t pick(uint32_t count) { return random() % count; }

  void tell(LadderEvent event, Rung rung, double value) {
    // A failure may force a change at any time.
    forced =
        event != LadderEvent::Frame && event != LadderEvent::PreparedFrame && event != LadderEvent::Measured;
    if ((event == LadderEvent::Lost || event == LadderEvent::Invalid) && answering == rung) lost = rung;
    ladder.event(event, rung, now, value, "because");
  }

  // Carries out all commands, answering some at once and leaving others to chance.
  void obey(bool faithful) {
    for (int commands = 0;; ++commands) {
      ASSERT_LT(commands, 100) << "commands without end";
      const LadderCommand command = ladder.next(now);
      const auto say = [&](LadderEvent event, double value) {
        ladder.event(event, command.rung, now, value, "said");
      };
      const bool answer = faithful || command.rung == Rung::Wasm || pick(3) > 0;
      switch (command.action) {
        case LadderAction::Wait:
          ASSERT_GT(command.wake, now);
          return;
        case LadderAction::Compile:
          ++works[static_cast<int>(command.rung)];
          if (answer) say(LadderEvent::Ready, pick(1000));
          break;
        case LadderAction::Test:
          if (answer) say(!faithful && pick(9) == 0 ? LadderEvent::Failed : LadderEvent::Passed, 0);
          break;
        case LadderAction::Measure:
          if (answer) say(LadderEvent::Measured, pick(60));
          break;
        case LadderAction::Switch:
          ASSERT_TRUE(answering != command.rung) << "a switch to itself";
          // Back to a rung that was lost is no new choice, and happens once for each loss.
          if (!forced && answering && command.rung != lost)
            ASSERT_GE(now, switched + LadderLimits{}.dwell) << "flapping";
          if (command.rung == lost) lost.reset();
          switched = now;
          answering = command.rung;
          forced = false;
          break;
        case LadderAction::Drop:
          // The answering rung is replaced before it goes, unless nothing else can answer.
          ASSERT_TRUE(ladder.active() != command.rung || !ladder.active());
          if (answering == command.rung) answering.reset();
          break;
        case LadderAction::Store:
          ASSERT_TRUE(parse_record(ladder.record(now).view()).has_value());
          break;
      }
    }
  }
};

LadderSpec random_spec(std::mt19937& random) {
  LadderSpec spec;
  spec.available = random() % 8;
  spec.safe_mode = random() % 8 == 0;
  spec.has_golden = random() % 2;
  return spec;
}

TEST(LadderProperties, RandomEventsNeverLeaveItWithoutAnAnswer) {
  std::mt19937 seeds(7);
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    Walk walk(seed, random_spec(seeds));
    walk.obey(true);
    for (int step = 0; step < 150; ++step) {
      walk.now += std::exp2(walk.pick(16));
      const LadderEvent event = kEvents[walk.pick(std::size(kEvents))];
      const Rung rung = static_cast<Rung>(walk.pick(kRungCount));
      // WASM runs in this process: losing it is another test's matter.
      const bool harmless =
          rung != Rung::Wasm || (event != LadderEvent::Refused && event != LadderEvent::Lost &&
                                 event != LadderEvent::Invalid && event != LadderEvent::OutOfMemory);
      if (!harmless) continue;
      const double values[] = {0, 5, 30, 2000, -1, NAN, INFINITY};
      walk.tell(event, rung, values[walk.pick(std::size(values))]);
      ASSERT_NO_FATAL_FAILURE(walk.obey(false));
      ASSERT_TRUE(walk.ladder.active().has_value());
    }
  }
}

TEST(LadderProperties, QuietTimeEndsAllWork) {
  std::mt19937 seeds(11);
  for (uint32_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    Walk walk(seed, random_spec(seeds));
    for (int step = 0; step < 40; ++step) {
      walk.now += walk.pick(3000);
      walk.tell(kEvents[walk.pick(std::size(kEvents))], static_cast<Rung>(walk.pick(kRungCount)), 5);
      ASSERT_NO_FATAL_FAILURE(walk.obey(false));
    }
    walk.tell(LadderEvent::Visible, Rung::Wasm, 0);
    // Commands that were never answered run into their limits; then there is nothing left to wait for.
    for (int round = 0; round < 200; ++round) {
      walk.now += 20'000;
      walk.forced = true;
      ASSERT_NO_FATAL_FAILURE(walk.obey(true));
    }
    const LadderCommand last = walk.ladder.next(walk.now);
    EXPECT_EQ(last.action, LadderAction::Wait);
    EXPECT_TRUE(std::isinf(last.wake)) << last.wake - walk.now;
    EXPECT_EQ(walk.ladder.decided(), walk.ladder.active().has_value());
  }
}

TEST(LadderProperties, WorkIsBounded) {
  // Losses for as long as one likes: a rung is rebuilt a few times in a row, and then no more.
  LadderSpec spec;
  spec.available = 7;
  Walk walk(3, spec);
  walk.obey(true);
  for (int step = 0; step < 10'000; ++step) {
    walk.now += 100;
    walk.tell(LadderEvent::Lost, static_cast<Rung>(1 + walk.pick(2)), 0);
    ASSERT_NO_FATAL_FAILURE(walk.obey(true));
    ASSERT_EQ(walk.ladder.active().has_value(), true);
  }
  const int most = 1 + LadderLimits{}.rebuilds;
  EXPECT_EQ(walk.works[0], 1);
  EXPECT_LE(walk.works[1], most);
  EXPECT_LE(walk.works[2], most);
}

}  // namespace
}  // namespace linnet
