#include "live/latency_window.h"

#include <gtest/gtest.h>

#include <deque>
#include <limits>
#include <random>
#include <vector>

namespace linnet {
namespace {

TEST(LatencyWindow, AgreesWithSortingTheLatest) {
  std::mt19937 random(1);
  LatencyWindow<7> window;
  std::deque<double> latest;
  EXPECT_EQ(window.median(), 0);
  for (int i = 0; i < 2000; ++i) {
    const double value = static_cast<double>(random() % 12);  // many are equal
    window.add(value);
    latest.push_back(value);
    if (latest.size() > 7) latest.pop_front();
    std::vector<double> sorted(latest.begin(), latest.end());
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(window.count(), sorted.size());
    for (const double part : {0.0, 0.2, 0.5, 0.95, 1.0}) {
      size_t index = 0;  // the first that enough of them do not exceed
      while (static_cast<double>(index + 1) < part * static_cast<double>(sorted.size())) ++index;
      ASSERT_EQ(window.quantile(part), sorted[index]) << part << " of " << sorted.size();
    }
  }
}

TEST(LatencyWindow, LeavesOutWhatIsNoDuration) {
  LatencyWindow<4> window;
  for (const double value :
       {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    window.add(value);
  EXPECT_EQ(window.count(), 0u);
  window.add(3);
  window.clear();
  EXPECT_EQ(window.quantile(0.95), 0);
}

}  // namespace
}  // namespace linnet
