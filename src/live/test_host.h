// A host for tests of the ladder: a virtual clock, rungs that behave as told, and a frame every 33 ms.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "live/ladder.h"

namespace linnet::testing {

inline constexpr uint32_t kAll = rung_bit(Rung::Wasm) | rung_bit(Rung::WebGl2) | rung_bit(Rung::WebGpu);

inline LadderSpec spec_with(uint32_t available, std::string_view record = {}) {
  return {.available = available, .key = 42, .unix_time = 1'790'000'000, .record = record, .limits = {}};
}

struct SimulatedRung {
  double compile = 300;
  double run = 20;
  // What making the input from an image adds to a frame; 0 where frames come with their input made.
  double prepare = 0;
  uint64_t bytes = 5'000'000;
  // Why it cannot be compiled, and why its self-test fails; empty where they go well.
  std::string refused;
  std::string wrong;
  // It computes in f16 unless told not to, and only then it is wrong.
  bool half = false;
};

class SimulatedHost {
 public:
  explicit SimulatedHost(const LadderSpec& spec) : ladder(spec, 0) { rung(Rung::Wasm).compile = 1; }

  SimulatedRung& rung(Rung rung) { return rungs_[static_cast<int>(rung)]; }
  double now() const { return now_; }

  // Reports an event, and carries out what follows at once.
  void tell(LadderEvent event, Rung rung, std::string_view text = {}) {
    ladder.event(event, rung, now_, 0, text);
    obey();
  }

  void run_for(double milliseconds) {
    const double end = now_ + milliseconds;
    obey();
    while (true) {
      double next = std::min(next_frame_, wake_);
      for (const Answer& answer : answers_) next = std::min(next, answer.time);
      if (next > end) break;
      now_ = std::max(now_, next);
      if (next_frame_ <= now_) frame();
      deliver();
      obey();
    }
    now_ = end;
  }

  // Every command but the waits, as words.
  std::string log() const {
    std::string text;
    for (const std::string& line : log_) text += (text.empty() ? "" : ", ") + line;
    return text;
  }
  int count(std::string_view start) const {
    return static_cast<int>(std::count_if(log_.begin(), log_.end(),
                                          [&](const std::string& line) { return line.starts_with(start); }));
  }
  int frames_without_answer() const { return unanswered_; }

  Ladder ladder;

 private:
  struct Answer {
    double time;
    LadderEvent event;
    Rung rung;
    double value;
    std::string text;
  };

  void frame() {
    next_frame_ = now_ + 33;
    const auto active = ladder.active();
    if (!active) {
      ++unanswered_;
      return;
    }
    const SimulatedRung& how = rung(*active);
    ladder.event(how.prepare > 0 ? LadderEvent::PreparedFrame : LadderEvent::Frame, *active, now_,
                 how.run + how.prepare);
  }

  void deliver() {
    for (size_t i = 0; i < answers_.size();) {
      if (answers_[i].time > now_) {
        ++i;
        continue;
      }
      const Answer answer = answers_[i];
      answers_.erase(answers_.begin() + static_cast<ptrdiff_t>(i));
      ladder.event(answer.event, answer.rung, now_, answer.value, answer.text);
    }
  }

  void obey() {
    for (int commands = 0;; ++commands) {
      if (commands > 20) throw std::logic_error("the ladder never waits");
      const LadderCommand command = ladder.next(now_);
      if (command.action == LadderAction::Wait) {
        wake_ = command.wake;
        if (wake_ <= now_) throw std::logic_error("the ladder spins");
        return;
      }
      carry_out(command);
    }
  }

  void carry_out(const LadderCommand& command) {
    constexpr const char* names[] = {"wait", "compile", "test", "measure", "switch", "drop", "store"};
    log_.push_back(names[static_cast<int>(command.action)] + (" " + std::string(rung_name(command.rung))));
    SimulatedRung& how = rung(command.rung);
    if (command.exact) how.half = false, how.wrong.clear();
    const auto answer = [&](double after, LadderEvent event, double value, const std::string& text = {}) {
      answers_.push_back({now_ + after, event, command.rung, value, text});
    };
    switch (command.action) {
      case LadderAction::Compile:
        if (how.refused.empty())
          answer(how.compile, LadderEvent::Ready, static_cast<double>(how.bytes), how.half ? "f16" : "f32");
        else
          answer(how.compile, LadderEvent::Refused, 0, how.refused);
        break;
      case LadderAction::Test:
        if (how.wrong.empty())
          answer(how.run, LadderEvent::Passed, 1e-6);
        else
          answer(how.run, LadderEvent::Failed, 0, how.wrong);
        break;
      case LadderAction::Measure:
        answer(how.run, LadderEvent::Measured, how.run);
        break;
      case LadderAction::Drop:
        // What it was about to say is never heard.
        std::erase_if(answers_, [&](const Answer& pending) { return pending.rung == command.rung; });
        break;
      default:
        break;
    }
  }

  SimulatedRung rungs_[kRungCount];
  std::vector<Answer> answers_;
  std::vector<std::string> log_;
  double now_ = 0;
  double next_frame_ = 33;
  double wake_ = std::numeric_limits<double>::infinity();
  int unanswered_ = 0;
};

}  // namespace linnet::testing
