#include "compress/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_map>

namespace linnet {

namespace {

// The table of a longest common subsequence has at most so many entries; larger gaps stay unmatched.
constexpr size_t kMostEntries = 4'000'000;

// Aligns first[from1 .. to1) with second[from2 .. to2).
void align(std::span<const ObservedValue> first, size_t from1, size_t to1,
           std::span<const ObservedValue> second, size_t from2, size_t to2,
           std::vector<ValueMatch>& matches) {
  if (from1 >= to1 || from2 >= to2) return;
  const size_t rows = to1 - from1, columns = to2 - from2;
  if (rows > kMostEntries / columns) return;
  const auto same = [&](size_t i, size_t k) {
    return first[from1 + i].op == second[from2 + k].op && first[from1 + i].shape == second[from2 + k].shape;
  };
  // longest[i][k]: of the rest from i and k on.
  std::vector<uint32_t> longest((rows + 1) * (columns + 1));
  const auto at = [&](size_t i, size_t k) -> uint32_t& { return longest[i * (columns + 1) + k]; };
  for (size_t i = rows; i-- > 0;)
    for (size_t k = columns; k-- > 0;)
      at(i, k) = same(i, k) ? at(i + 1, k + 1) + 1 : std::max(at(i + 1, k), at(i, k + 1));
  for (size_t i = 0, k = 0; i < rows && k < columns;) {
    if (same(i, k)) {
      matches.push_back({from1 + i++, from2 + k++, false});
    } else if (at(i + 1, k) >= at(i, k + 1)) {
      ++i;
    } else {
      ++k;
    }
  }
}

}  // namespace

std::vector<ValueMatch> match_values(std::span<const ObservedValue> first,
                                     std::span<const ObservedValue> second) {
  std::unordered_map<std::string_view, size_t> named;
  for (size_t k = 0; k < second.size(); ++k) named.emplace(second[k].name, k);
  std::vector<ValueMatch> matches;
  size_t from1 = 0, from2 = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    const auto found = named.find(first[i].name);
    if (found == named.end()) continue;
    const size_t k = found->second;
    if (!(first[i].shape == second[k].shape)) continue;
    // A match out of order bounds no gap.
    if (k >= from2) {
      align(first, from1, i, second, from2, k, matches);
      from1 = i + 1;
      from2 = k + 1;
    }
    matches.push_back({i, k, true});
  }
  align(first, from1, first.size(), second, from2, second.size(), matches);
  // Names are surer than places.
  std::vector<bool> taken1(first.size()), taken2(second.size());
  for (const ValueMatch& match : matches)
    if (match.by_name) taken1[match.first] = taken2[match.second] = true;
  std::erase_if(matches, [&](const ValueMatch& match) {
    return !match.by_name && (taken1[match.first] || taken2[match.second]);
  });
  std::ranges::sort(matches, {}, &ValueMatch::first);
  return matches;
}

void ErrorSum::add(std::span<const float> expected, std::span<const float> found) {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(expected[i]) || !std::isfinite(found[i])) {
      const bool same = expected[i] == found[i] || (std::isnan(expected[i]) && std::isnan(found[i]));
      not_finite_ += !same;
      continue;
    }
    const double value = static_cast<double>(expected[i]);
    const double error = static_cast<double>(found[i]) - value;
    low_ = count_ == 0 ? value : std::min(low_, value);
    high_ = count_ == 0 ? value : std::max(high_, value);
    max_ = std::max(max_, std::abs(error));
    signal_ += value * value;
    noise_ += error * error;
    ++count_;
  }
}

double ErrorSum::rms() const {
  return count_ == 0 ? 0 : std::sqrt(noise_ / static_cast<double>(count_));
}

double ErrorSum::relative() const {
  if (noise_ == 0) return 0;
  return range() > 0 ? rms() / range() : std::numeric_limits<double>::infinity();
}

double ErrorSum::sqnr() const {
  return noise_ == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal_ / noise_);
}

}  // namespace linnet
