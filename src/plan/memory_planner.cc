#include "plan/memory_planner.h"

#include <algorithm>
#include <numeric>

namespace linnet {

namespace {

// Rounds of exchanges before the best placement found is taken.
constexpr int kSearchRounds = 400;

bool overlap_in_time(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

// Places buffers in `order`. Stops early once the arena reaches `limit`.
MemoryPlan place(std::span<const Lifetime> buffers, const std::vector<uint32_t>& order, uint64_t limit) {
  MemoryPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  std::vector<uint32_t> placed;  // by offset
  for (uint32_t id : order) {
    uint64_t at = 0;
    for (uint32_t other : placed) {
      if (!overlap_in_time(buffers[id], buffers[other])) continue;
      if (plan.offsets[other] >= at + buffers[id].bytes) break;
      at = std::max(at, plan.offsets[other] + buffers[other].bytes);
    }
    plan.offsets[id] = at;
    plan.arena_bytes = std::max(plan.arena_bytes, at + buffers[id].bytes);
    if (plan.arena_bytes >= limit) return plan;
    placed.insert(std::upper_bound(placed.begin(), placed.end(), id,
                                   [&](uint32_t a, uint32_t b) { return plan.offsets[a] < plan.offsets[b]; }),
                  id);
  }
  return plan;
}

// Sums of what is alive at each step.
std::vector<uint64_t> live_bytes(std::span<const Lifetime> buffers) {
  uint32_t end = 0;
  for (const Lifetime& buffer : buffers) end = std::max(end, buffer.last);
  std::vector<uint64_t> sums(end + 1);
  for (const Lifetime& buffer : buffers)
    for (uint32_t step = buffer.first; step <= buffer.last; ++step) sums[step] += buffer.bytes;
  return sums;
}

}  // namespace

uint64_t memory_lower_bound(std::span<const Lifetime> buffers) {
  const std::vector<uint64_t> sums = live_bytes(buffers);
  return sums.empty() ? 0 : *std::max_element(sums.begin(), sums.end());
}

MemoryPlan plan_memory(std::span<const Lifetime> buffers) {
  const uint64_t bound = memory_lower_bound(buffers);
  const std::vector<uint64_t> sums = live_bytes(buffers);
  // How crowded the most crowded step of each buffer's life is.
  std::vector<uint64_t> pressure(buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i)
    pressure[i] = *std::max_element(sums.begin() + buffers[i].first, sums.begin() + buffers[i].last + 1);

  // The largest key first, among equals the largest buffer.
  const auto order_by = [&](const std::vector<uint64_t>& keys) {
    std::vector<uint32_t> order(buffers.size());
    std::iota(order.begin(), order.end(), 0u);
    const auto before = [&](uint32_t a, uint32_t b) {
      if (keys[a] != keys[b]) return keys[a] > keys[b];
      return buffers[a].bytes != buffers[b].bytes ? buffers[a].bytes > buffers[b].bytes : a < b;
    };
    // A heap sort: std::sort is five times the code.
    std::make_heap(order.begin(), order.end(), before);
    std::sort_heap(order.begin(), order.end(), before);
    return order;
  };
  const std::vector<uint32_t> by_size = order_by(std::vector<uint64_t>(buffers.size()));
  const std::vector<uint32_t> by_pressure = order_by(pressure);

  std::vector<uint32_t> best_order = by_size;
  MemoryPlan best = place(buffers, by_size, UINT64_MAX);
  MemoryPlan other = place(buffers, by_pressure, best.arena_bytes);
  if (other.arena_bytes < best.arena_bytes) {
    best = std::move(other);
    best_order = by_pressure;
  }
  uint64_t state = 1;
  const auto random = [&](size_t limit) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<size_t>((state >> 33) % limit);
  };
  for (int round = 0; round < kSearchRounds && best.arena_bytes > bound && buffers.size() > 1; ++round) {
    std::vector<uint32_t> order = best_order;
    for (size_t swaps = 1 + random(3); swaps > 0; --swaps)
      std::swap(order[random(order.size())], order[random(order.size())]);
    MemoryPlan candidate = place(buffers, order, best.arena_bytes);
    if (candidate.arena_bytes >= best.arena_bytes) continue;
    best = std::move(candidate);
    best_order = std::move(order);
  }
  return best;
}

Result<void> verify_memory(std::span<const Lifetime> buffers, const MemoryPlan& plan) {
  if (plan.offsets.size() != buffers.size())
    return fail(ErrorCode::MalformedPlan, "%zu offsets for %zu buffers", plan.offsets.size(), buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    const uint64_t begin = plan.offsets[i], end = begin + buffers[i].bytes;
    if (begin > plan.arena_bytes || buffers[i].bytes > plan.arena_bytes - begin ||
        begin % kTensorAlignment != 0)
      return fail(ErrorCode::MalformedPlan, "buffer %zu at %llu does not lie in the arena", i,
                  static_cast<unsigned long long>(begin));
    for (size_t k = 0; k < i; ++k) {
      const bool same_time = buffers[i].last >= buffers[k].first && buffers[k].last >= buffers[i].first;
      const bool same_place = end > plan.offsets[k] && plan.offsets[k] + buffers[k].bytes > begin;
      if (same_time && same_place) return fail(ErrorCode::MalformedPlan, "buffers %zu and %zu overlap", k, i);
    }
  }
  return {};
}

}  // namespace linnet
