// The ladder: decides which backend answers. A state machine on the host's clock, without a browser: the host
// reports what it sees as events, and carries out commands.
//
// WASM answers first. The other rungs are compiled, tested and measured one after another while it does; then
// the choice falls by measured median, not by rank. A choice of an earlier visit is taken over where it still
// holds. A rung that is lost is rebuilt a few times; the best of the others answers meanwhile.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "live/choice_record.h"
#include "live/fixed_text.h"
#include "live/latency_window.h"
#include "live/rung.h"

namespace linnet {

// All times are in milliseconds.
struct LadderLimits {
  // Of a rung's measurement: runs before it, runs at most, runs that suffice for a rung that cannot win, and
  // the time after which it ends with what there is.
  int warmup_runs = 1;
  // WASM finds its number of threads in its first runs, while the browser still optimises its code.
  int wasm_warmup_runs = 10;
  size_t most_runs = 9;
  size_t least_runs = 3;
  double measure_budget = 1500;
  // How long a rung other than WASM may take to compile, and for its self-test or one measured run.
  double compile_limit = 60'000;
  double run_limit = 15'000;
  // A rung takes over where its median is below this part of the current one's ...
  double win = 0.85;
  // ... or where it is at most this much slower and takes at most that part of the bytes.
  double tie = 1.1;
  double memory_win = 0.75;
  // Between two changes of rung that no failure forces.
  double dwell = 1000;
  // Live latency has drifted where the median of the latest frames is this many times what the choice counted
  // on, or the same part of it, for so long. Then all rungs are measured again; the wait before that doubles
  // each time. What prepared frames take is compared with what they took at first.
  double drift = 1.5;
  double drift_hold = 3000;
  double revalidate_wait = 60'000;
  double revalidate_most = 1'800'000;
  // A lost rung is rebuilt so often, first after `backoff` and after twice as long each time, up to 32 times.
  // One that held for `stable` has all its attempts again.
  int rebuilds = 3;
  double backoff = 500;
  double stable = 30'000;
};

struct LadderSpec {
  // A mask of rung_bit: what this device has. WASM is always there.
  uint32_t available = rung_bit(Rung::Wasm);
  // WASM alone, whatever there is.
  bool safe_mode = false;
  // The model carries golden answers, so that WASM is tested too.
  bool has_golden = false;
  uint64_t key = 0;
  // Seconds since 1970.
  uint64_t unix_time = 0;
  // As stored by an earlier visit; empty where there is nothing.
  std::string_view record;
  LadderLimits limits;
};

enum class LadderEvent : uint32_t {
  // Answers to commands. Ready: compiled, `value` bytes held, `text` is the precision; Refused: could not be
  // compiled, `text` says why, also of one that is not here or not to be tried; Passed: the self-test,
  // `value` its error; Failed: the self-test, `text` says
  // how; Measured: one run took `value`.
  Ready,
  Refused,
  Passed,
  Failed,
  Measured,
  // A frame was answered by this rung in `value`.
  Frame,
  // What can befall a rung at any time; `text` says what the browser said. NotFinite: an answer that WASM
  // does not share.
  Lost,
  OutOfMemory,
  Invalid,
  NotFinite,
  // Of the page, for all rungs.
  Hidden,
  Visible,
  // A frame in whose `value` the rung made its input from an image as well, which no measured run does.
  PreparedFrame,
};

enum class LadderAction : uint32_t {
  // Nothing until `wake`, or until an event.
  Wait,
  // Build the rung, run its self-test, or measure one run: each is answered by an event.
  Compile,
  Test,
  Measure,
  // From the next frame on, this rung answers.
  Switch,
  // Free what the rung holds.
  Drop,
  // Keep record() for the next visit.
  Store,
};

struct LadderCommand {
  LadderAction action = LadderAction::Wait;
  Rung rung = Rung::Wasm;
  // When to ask again without an event; infinite where only an event can change something.
  double wake = std::numeric_limits<double>::infinity();
  // To be compiled in f32 alone: f16 has failed.
  bool exact = false;
};

enum class RungState : uint32_t { Absent, Idle, Compiling, Testing, Measuring, Ready, Rebuilding, Skipped };

class Ladder {
 public:
  using Reason = FixedText<160>;
  using Explanation = FixedText<512>;

  // Times are of any clock that does not run backwards.
  Ladder(const LadderSpec& spec, double now);

  // Events that answer no command and losses of rungs that are not in use are ignored.
  void event(LadderEvent event, Rung rung, double now, double value = 0, std::string_view text = {});

  // The next command. To be called after every event and at `wake`, until it says Wait.
  LadderCommand next(double now);

  // The rung that answers; none before the first is built, and while all are lost.
  std::optional<Rung> active() const { return told_; }
  RungState state(Rung rung) const;
  // What a choice counts on: the median measured or remembered, 0 where there is none.
  double median(Rung rung) const { return at(rung).median; }
  uint64_t bytes(Rung rung) const { return at(rung).bytes; }
  // The self-test's, negative before it has passed.
  double error(Rung rung) const { return at(rung).error; }
  uint32_t losses(Rung rung) const { return at(rung).losses; }
  uint32_t recoveries(Rung rung) const { return at(rung).recoveries; }
  // Why the rung is not here or not in use; empty where nothing is wrong with it.
  std::string_view reason(Rung rung) const { return at(rung).reason.view(); }
  // The active rung's latest frames.
  double live_quantile(double part) const { return live_.quantile(part); }
  uint32_t validations() const { return validations_; }
  // Counts up whenever something above has changed but live_quantile.
  uint32_t revision() const { return revision_; }
  // Whether the choice stands: everything that was to be tried has been.
  bool decided() const { return decided_ && active_; }

  // The choice and its reason: "WASM, measured 12.9 ms; WebGPU 180 ms; WebGL2 70.1 ms".
  Explanation explain() const;
  // What to keep, after a Store. A choice that is new counts as made then.
  FixedText<kRecordBytes> record(double now);

 private:
  struct RungData {
    bool available = false;
    bool skipped = false;
    // Its compilation, self-test and measurement are asked for.
    bool wanted = false;
    bool measure = false;
    bool built = false;
    bool tested = false;
    bool trusted = true;
    // Its median comes from a record.
    bool remembered = false;
    bool recovering = false;
    bool half = false;   // it computes in f16
    bool exact = false;  // it may not
    double median = 0;
    uint64_t bytes = 0;
    double error = -1;
    int attempts = 0;
    double retry_at = 0;
    double recovered_at = 0;
    uint32_t losses = 0;
    uint32_t recoveries = 0;
    Reason reason;
  };
  enum class Stage : uint8_t { None, Compile, Test, Measure };

  RungData& at(Rung rung) { return rungs_[static_cast<int>(rung)]; }
  const RungData& at(Rung rung) const { return rungs_[static_cast<int>(rung)]; }
  bool others_available() const;
  bool others_exist() const;

  // ladder.cc: events and commands.
  void measured(Rung rung, double now, double milliseconds);
  void frame(Rung rung, double now, double milliseconds, bool prepared);
  void forget_frames();
  void lose(Rung rung, double now, std::string_view text);
  void skip(Rung rung, std::string_view why);
  // Its answers are off: f16 gives way to f32, and f32 to other rungs.
  void distrust(Rung rung, std::string_view why);
  void unbuild(Rung rung);
  void restart_measurement();
  void expire(double now);
  void advance(double now);
  void finish(double now);
  Stage stage_for(const RungData& rung) const;
  double wake(double now) const;
  void changed() { ++revision_; }

  // ladder_choice.cc: who answers.
  void take_over(const ChoiceRecord& record);
  void validate();
  void confirm();
  void choose(double now);
  bool answers(Rung rung) const;
  bool comparable(Rung rung) const;
  std::optional<Rung> fastest() const;
  std::optional<Rung> best() const;
  bool beats(Rung challenger, Rung current) const;
  std::optional<Rung> successor() const;
  void activate(Rung rung, double now);

  LadderLimits limits_;
  std::array<RungData, kRungCount> rungs_;
  bool safe_mode_;
  bool has_golden_;
  uint64_t key_;
  uint64_t unix_time_;
  double opened_;

  std::optional<Rung> active_;
  std::optional<Rung> told_;
  double switched_at_ = 0;
  // The rung that answered until it was lost: going back to it is no new choice.
  std::optional<Rung> returning_;
  // Seconds since 1970 at which the choice was made; 0 where it is new.
  uint64_t made_ = 0;
  // The remembered median that the choice taken over has to confirm; 0 where there is none.
  double to_confirm_ = 0;

  Stage stage_ = Stage::None;
  Rung stage_rung_ = Rung::Wasm;
  bool issued_ = false;
  double stage_began_ = 0;
  double spent_ = 0;
  int warmups_left_ = 0;
  LatencyWindow<16> runs_;

  LatencyWindow<64> live_;
  // Of prepared frames, and what those took at first; 0 until that is known.
  bool prepared_ = false;
  double prepared_median_ = 0;
  double drifted_since_ = -1;
  double next_validation_ = 0;
  double validation_wait_;

  uint32_t release_ = 0;
  bool store_ = false;
  bool decided_ = false;
  bool hidden_ = false;
  uint32_t validations_ = 0;
  uint32_t revision_ = 0;
};

}  // namespace linnet
