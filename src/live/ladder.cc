#include "live/ladder.h"

#include <algorithm>
#include <cmath>

namespace linnet {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
// The order in which rungs are tried.
constexpr Rung kOrder[] = {Rung::Wasm, Rung::WebGpu, Rung::WebGl2};

}  // namespace

Ladder::Ladder(const LadderSpec& spec, double now)
    : limits_(spec.limits),
      safe_mode_(spec.safe_mode),
      has_golden_(spec.has_golden),
      key_(spec.key),
      unix_time_(spec.unix_time),
      opened_(now),
      next_validation_(now + spec.limits.revalidate_wait),
      validation_wait_(spec.limits.revalidate_wait) {
  const uint32_t available = spec.safe_mode ? rung_bit(Rung::Wasm) : spec.available | rung_bit(Rung::Wasm);
  for (const Rung rung : kOrder) at(rung).available = available & rung_bit(rung);
  at(Rung::Wasm).wanted = true;
  if (!others_available()) return;
  const auto record = parse_record(spec.record);
  if (record_use(record, key_, unix_time_, available) == RecordUse::Usable)
    take_over(*record);
  else
    validate();
}

bool Ladder::others_available() const {
  return std::any_of(rungs_.begin() + 1, rungs_.end(),
                     [](const RungData& rung) { return rung.available && !rung.skipped; });
}

bool Ladder::others_exist() const {
  return std::any_of(rungs_.begin() + 1, rungs_.end(), [](const RungData& rung) { return rung.available; });
}

RungState Ladder::state(Rung rung) const {
  const RungData& data = at(rung);
  if (!data.available) return RungState::Absent;
  if (data.skipped) return RungState::Skipped;
  if (data.recovering) return RungState::Rebuilding;
  if (stage_ != Stage::None && stage_rung_ == rung) {
    constexpr RungState states[] = {RungState::Idle, RungState::Compiling, RungState::Testing,
                                    RungState::Measuring};
    return states[static_cast<int>(stage_)];
  }
  return data.built ? RungState::Ready : RungState::Idle;
}

void Ladder::event(LadderEvent event, Rung rung, double now, double value, std::string_view text) {
  RungData& data = at(rung);
  const auto answers = [&](Stage stage) { return stage_ == stage && stage_rung_ == rung && issued_; };
  switch (event) {
    case LadderEvent::Ready:
      if (!answers(Stage::Compile)) return;
      data.built = true;
      data.half = text == "f16";
      data.bytes = value > 0 && value < 1e15 ? static_cast<uint64_t>(value) : 0;
      stage_ = Stage::None;
      // Without a self-test to pass, being built is all that a lost rung has to do.
      if (rung == Rung::Wasm && data.recovering && stage_for(data) != Stage::Test) {
        data.recovering = false;
        ++data.recoveries;
        data.recovered_at = now;
      }
      break;
    case LadderEvent::Refused:
      if (!data.available)
        data.reason = Reason(text);
      else if (answers(Stage::Compile) || (rung != Rung::Wasm && state(rung) == RungState::Idle))
        skip(rung, text);
      else
        return;
      break;
    case LadderEvent::Passed:
      if (!answers(Stage::Test)) return;
      stage_ = Stage::None;
      data.tested = data.trusted = true;
      data.error = value;
      if (data.recovering) {
        ++data.recoveries;
        data.recovered_at = now;
      }
      data.recovering = false;
      break;
    case LadderEvent::Failed:
      if (!answers(Stage::Test)) return;
      stage_ = Stage::None;
      if (rung != Rung::Wasm) {
        distrust(rung, text);
        break;
      }
      // WASM stays as the last resort, behind every rung that passes.
      data.tested = true;
      data.trusted = data.recovering = false;
      data.reason = Reason(text);
      break;
    case LadderEvent::Measured:
      if (!answers(Stage::Measure) || hidden_) return;
      measured(rung, now, value);
      break;
    case LadderEvent::Frame:
    case LadderEvent::PreparedFrame:
      return frame(rung, now, value, event == LadderEvent::PreparedFrame);
    case LadderEvent::Lost:
    case LadderEvent::Invalid:
      lose(rung, now, text);
      break;
    case LadderEvent::OutOfMemory:
      if (rung == Rung::Wasm)
        lose(rung, now, text);
      else if (data.wanted)
        ++data.losses, skip(rung, text);
      break;
    case LadderEvent::NotFinite:
      if (rung != Rung::Wasm && data.wanted) distrust(rung, "it answered with what is no finite number");
      break;
    case LadderEvent::Hidden:
      if (!hidden_) restart_measurement();
      hidden_ = true;
      break;
    case LadderEvent::Visible:
      if (hidden_) stage_began_ = now;
      hidden_ = false;
      break;
  }
  changed();
}

void Ladder::measured(Rung rung, double now, double milliseconds) {
  if (!(milliseconds >= 0) || !std::isfinite(milliseconds)) milliseconds = 0;
  spent_ += milliseconds;
  const bool over = spent_ >= limits_.measure_budget;
  // A run that takes all the time there is counts, warm or not.
  if (warmups_left_ == 0 || (over && runs_.count() == 0)) runs_.add(milliseconds);
  if (warmups_left_ > 0) --warmups_left_;
  const std::optional<Rung> leader = fastest();
  const bool hopeless = leader && *leader != rung && runs_.count() >= limits_.least_runs &&
                        runs_.fastest() > limits_.tie * at(*leader).median;
  if (!over && !hopeless && runs_.count() < limits_.most_runs) {
    issued_ = false;
    stage_began_ = now;
    return;
  }
  stage_ = Stage::None;
  RungData& data = at(rung);
  // A clock that is too coarse to see a run still has seen that it is quick.
  data.median = std::max(runs_.median(), 1e-3);
  data.measure = data.remembered = false;
  if (rung == active_) forget_frames();
}

void Ladder::forget_frames() {
  live_.clear();
  drifted_since_ = -1;
  prepared_median_ = 0;
}

void Ladder::frame(Rung rung, double now, double milliseconds, bool prepared) {
  // What else runs meanwhile slows frames down, and hidden pages are held back.
  if (rung != active_ || hidden_ || !decided_) return;
  if (prepared != prepared_) forget_frames();
  prepared_ = prepared;
  live_.add(milliseconds);
  double& counted = prepared ? prepared_median_ : at(rung).median;
  if (!live_.full()) return;
  const double live = live_.median();
  if (counted > 0 && live <= limits_.drift * counted && live * limits_.drift >= counted) {
    drifted_since_ = -1;
    return;
  }
  if (drifted_since_ < 0) drifted_since_ = now;
  if (now - drifted_since_ < limits_.drift_hold) return;
  // Where nothing else could answer, or it only got faster, the figure is corrected and the choice stands.
  if (!others_available() || live < counted || counted == 0) {
    counted = std::max(live, 1e-3);
    drifted_since_ = -1;
    if (prepared) return;
    store_ = others_exist();
    changed();
  } else if (now >= next_validation_) {
    validation_wait_ = std::min(2 * validation_wait_, limits_.revalidate_most);
    next_validation_ = now + validation_wait_;
    ++validations_;
    validate();
    changed();
  }
}

void Ladder::lose(Rung rung, double now, std::string_view text) {
  RungData& data = at(rung);
  const bool in_use = data.built || (stage_ == Stage::Compile && stage_rung_ == rung && issued_);
  if (!in_use || data.skipped) return;
  ++data.losses;
  unbuild(rung);
  if (rung == active_) returning_ = rung;
  if (data.recovered_at > 0 && now - data.recovered_at >= limits_.stable) data.attempts = 0;
  if (data.attempts >= limits_.rebuilds) {
    Reason why("lost ");
    why.number(data.losses).append(data.losses == 1 ? " time" : " times");
    if (!text.empty()) why.append(", at last: ").append(text);
    return skip(rung, why.view());
  }
  data.reason = Reason(text);
  data.retry_at = now + limits_.backoff * static_cast<double>(uint64_t{1} << std::min(data.attempts, 5));
  ++data.attempts;
  data.wanted = data.recovering = true;
  // Nothing may hold up the last resort.
  if (rung == Rung::Wasm && stage_ != Stage::None) unbuild(stage_rung_);
}

void Ladder::skip(Rung rung, std::string_view why) {
  RungData& data = at(rung);
  if (data.skipped) return;
  unbuild(rung);
  data.skipped = true;
  data.wanted = data.recovering = data.measure = false;
  data.median = 0;
  data.reason = Reason(why);
  // A choice that was taken over and fails leaves the question open.
  if (to_confirm_ > 0) validate();
}

void Ladder::distrust(Rung rung, std::string_view why) {
  RungData& data = at(rung);
  if (!data.half || data.exact) return skip(rung, why);
  unbuild(rung);
  if (rung == active_) returning_ = rung;
  data.exact = data.measure = true;
}

// Its resources go, and what was under way for it ends.
void Ladder::unbuild(Rung rung) {
  RungData& data = at(rung);
  if (stage_ != Stage::None && stage_rung_ == rung) {
    if (issued_) release_ |= rung_bit(rung);
    stage_ = Stage::None;
  }
  if (data.built) release_ |= rung_bit(rung);
  data.built = data.tested = false;
}

void Ladder::restart_measurement() {
  if (stage_ != Stage::Measure) return;
  runs_.clear();
  spent_ = 0;
  issued_ = false;
}

Ladder::Stage Ladder::stage_for(const RungData& rung) const {
  if (!rung.wanted || rung.skipped) return Stage::None;
  if (!rung.built) return Stage::Compile;
  const bool is_wasm = &rung == &at(Rung::Wasm);
  const bool compared = std::any_of(rungs_.begin() + 1, rungs_.end(),
                                    [](const RungData& other) { return other.wanted && !other.skipped; });
  if (!rung.tested && (!is_wasm || has_golden_ || compared)) return Stage::Test;
  return rung.measure ? Stage::Measure : Stage::None;
}

// A rung that takes too long is as bad as one that fails.
void Ladder::expire(double now) {
  if (stage_ == Stage::None || !issued_ || hidden_ || stage_rung_ == Rung::Wasm) return;
  const double limit = stage_ == Stage::Compile ? limits_.compile_limit : limits_.run_limit;
  if (now - stage_began_ < limit) return;
  constexpr std::string_view names[] = {"", "compiling it", "its self-test", "a run"};
  skip(stage_rung_, Reason(names[static_cast<int>(stage_)])
                        .append(" took more than ")
                        .decimal(limit / 1000, 0)
                        .append(" s")
                        .view());
  changed();
}

// Begins the next piece of work. One at a time, so that rungs do not slow each other down.
void Ladder::advance(double now) {
  if (stage_ != Stage::None) return;
  for (const Rung rung : kOrder) {
    RungData& data = at(rung);
    const Stage stage = stage_for(data);
    // WASM answers, so it is built and rebuilt even where nobody looks.
    if (stage == Stage::None || (hidden_ && rung != Rung::Wasm) || (hidden_ && stage == Stage::Measure))
      continue;
    if (stage == Stage::Compile && data.recovering && now < data.retry_at) continue;
    // The answers that others are compared with come from WASM.
    if (rung != Rung::Wasm && stage == Stage::Test && stage_for(at(Rung::Wasm)) == Stage::Test) continue;
    stage_ = stage;
    stage_rung_ = rung;
    stage_began_ = now;
    issued_ = false;
    runs_.clear();
    spent_ = 0;
    warmups_left_ = rung == Rung::Wasm ? limits_.wasm_warmup_runs : limits_.warmup_runs;
    decided_ = false;
    changed();
    return;
  }
  finish(now);
}

// Once all is tried, the losers go and the choice is kept.
void Ladder::finish(double now) {
  if (decided_ || !active_) return;
  for (const RungData& rung : rungs_)
    if (stage_for(rung) != Stage::None) return;
  if (successor() && now < switched_at_ + limits_.dwell) return;
  for (const Rung rung : kOrder) {
    if (rung == *active_ || rung == Rung::Wasm) continue;
    unbuild(rung);
    at(rung).wanted = false;
  }
  decided_ = true;
  to_confirm_ = 0;
  // What was only taken over is kept already, and as old as it was. So is a choice whose rung failed in use:
  // the next visit tries it again.
  store_ = made_ == 0 && others_exist() && at(*active_).median > 0;
  changed();
}

double Ladder::wake(double now) const {
  double wake = kNever;
  // What is due already waits for an event.
  const auto at_latest = [&wake, now](double time) { wake = time > now ? std::min(wake, time) : wake; };
  if (!hidden_ && stage_ != Stage::None && issued_ && stage_rung_ != Rung::Wasm)
    at_latest(stage_began_ + (stage_ == Stage::Compile ? limits_.compile_limit : limits_.run_limit));
  for (const Rung rung : kOrder)
    if (at(rung).recovering && !at(rung).built && (!hidden_ || rung == Rung::Wasm))
      at_latest(at(rung).retry_at);
  if (active_) at_latest(switched_at_ + limits_.dwell);
  return wake;
}

LadderCommand Ladder::next(double now) {
  expire(now);
  choose(now);
  if (told_ != active_) {
    told_ = active_;
    changed();
    if (active_) return {LadderAction::Switch, *active_};
  }
  for (const Rung rung : kOrder) {
    if (!(release_ & rung_bit(rung))) continue;
    release_ &= ~rung_bit(rung);
    return {LadderAction::Drop, rung};
  }
  advance(now);
  if (release_) return next(now);
  if (stage_ != Stage::None && !issued_ && !(hidden_ && stage_ == Stage::Measure)) {
    issued_ = true;
    constexpr LadderAction actions[] = {LadderAction::Wait, LadderAction::Compile, LadderAction::Test,
                                        LadderAction::Measure};
    return {actions[static_cast<int>(stage_)], stage_rung_, kNever, at(stage_rung_).exact};
  }
  if (store_) {
    store_ = false;
    return {LadderAction::Store, active_.value_or(Rung::Wasm)};
  }
  return {LadderAction::Wait, Rung::Wasm, wake(now)};
}

}  // namespace linnet
