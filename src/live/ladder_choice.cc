#include "live/ladder.h"

namespace linnet {

// Goes on with the choice of an earlier visit: only the rung chosen is built, and it has to be as quick as it
// was.
void Ladder::take_over(const ChoiceRecord& record) {
  for (int i = 0; i < kRungCount; ++i) {
    RungData& rung = rungs_[i];
    if (!rung.available) continue;
    rung.median = record.rungs[i].milliseconds;
    rung.bytes = record.rungs[i].bytes;
    rung.remembered = rung.median > 0;
  }
  made_ = record.made;
  if (record.choice == Rung::Wasm) return;
  at(record.choice).wanted = at(record.choice).measure = true;
  to_confirm_ = record.rungs[static_cast<int>(record.choice)].milliseconds;
}

// Has everything measured that may answer.
void Ladder::validate() {
  to_confirm_ = 0;
  made_ = 0;
  decided_ = false;
  forget_frames();
  if (!others_available()) return;
  for (RungData& rung : rungs_)
    if (rung.available && !rung.skipped) rung.wanted = rung.measure = true;
}

// A choice taken over holds as long as its rung is as quick as it was.
void Ladder::confirm() {
  for (int i = 1; to_confirm_ > 0 && i < kRungCount; ++i)
    if (rungs_[i].wanted && !rungs_[i].measure && rungs_[i].median > limits_.drift * to_confirm_) validate();
}

bool Ladder::answers(Rung rung) const {
  const RungData& data = at(rung);
  return data.built && (rung == Rung::Wasm || data.tested);
}

// Whether the rung's median is one to choose by: measured since the last validation began.
bool Ladder::comparable(Rung rung) const {
  return answers(rung) && at(rung).median > 0 && !at(rung).measure && at(rung).trusted;
}

std::optional<Rung> Ladder::fastest() const {
  std::optional<Rung> fastest;
  for (int i = 0; i < kRungCount; ++i) {
    const Rung rung = static_cast<Rung>(i);
    if (comparable(rung) && (!fastest || median(rung) < median(*fastest))) fastest = rung;
  }
  return fastest;
}

// The one to answer: of those nearly as quick as the quickest, the one that holds the least.
std::optional<Rung> Ladder::best() const {
  const std::optional<Rung> quickest = fastest();
  std::optional<Rung> best = quickest;
  for (int i = 0; quickest && i < kRungCount; ++i) {
    const Rung rung = static_cast<Rung>(i);
    if (comparable(rung) && median(rung) <= limits_.tie * median(*quickest) && bytes(rung) < bytes(*best))
      best = rung;
  }
  return best;
}

// Whether it is worth a change.
bool Ladder::beats(Rung challenger, Rung current) const {
  if (!comparable(challenger)) return false;
  if (!at(current).trusted) return true;
  if (!comparable(current)) return false;
  if (median(challenger) < limits_.win * median(current)) return true;
  return median(challenger) <= limits_.tie * median(current) &&
         static_cast<double>(bytes(challenger)) <= limits_.memory_win * static_cast<double>(bytes(current));
}

// The rung that should answer in place of the active one, where there is one. It does not depend on which
// rung is active, so that there is no way back without new figures.
std::optional<Rung> Ladder::successor() const {
  const std::optional<Rung> rung = best();
  if (!rung || rung == active_) return std::nullopt;
  return beats(*rung, *active_) || beats(*fastest(), *active_) ? rung : std::nullopt;
}

void Ladder::activate(Rung rung, double now) {
  active_ = rung;
  switched_at_ = now;
  if (rung == returning_) returning_.reset();
  forget_frames();
}

void Ladder::choose(double now) {
  confirm();
  if (active_ && !answers(*active_)) active_.reset();
  if (active_) {
    const std::optional<Rung> rung = successor();
    if (rung && (rung == returning_ || now >= switched_at_ + limits_.dwell)) activate(*rung, now);
    return;
  }
  std::optional<Rung> rung = best();
  for (int i = 0; !rung && i < kRungCount; ++i)
    if (answers(static_cast<Rung>(i))) rung = static_cast<Rung>(i);
  if (rung) activate(*rung, now);
}

Ladder::Explanation Ladder::explain() const {
  Explanation text;
  if (!active_) return Explanation("no backend can answer");
  const RungData& chosen = at(*active_);
  text.append(rung_title(*active_));
  if (safe_mode_) return text.append(", as safe mode asks");
  if (chosen.median > 0)
    text.append(chosen.remembered ? ", remembered " : ", measured ").milliseconds(chosen.median);
  for (int i = kRungCount - 1; i >= 0; --i) {
    const Rung rung = static_cast<Rung>(i);
    const RungData& data = rungs_[i];
    if (rung == *active_) continue;
    text.append("; ").append(rung_title(rung)).append(" ");
    if (!data.available) {
      text.append("is not here");
      if (!data.reason.view().empty()) text.append(": ").append(data.reason.view());
    } else if (data.skipped)
      text.append("skipped: ").append(data.reason.view());
    else if (data.recovering)
      text.append("is rebuilt");
    else if (data.wanted && !decided_ && stage_for(data) != Stage::None)
      text.append("is tried");
    else if (data.median > 0)
      text.milliseconds(data.median);
    else
      text.append("not tried");
  }
  return text;
}

FixedText<kRecordBytes> Ladder::record(double now) {
  if (made_ == 0) made_ = unix_time_ + static_cast<uint64_t>(now > opened_ ? (now - opened_) / 1000 : 0);
  ChoiceRecord record;
  record.key = key_;
  record.made = made_;
  record.choice = active_.value_or(Rung::Wasm);
  for (int i = 0; i < kRungCount; ++i) record.rungs[i] = {rungs_[i].median, rungs_[i].bytes};
  return print_record(record);
}

}  // namespace linnet
