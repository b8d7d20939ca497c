#include "compress/calibrator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/test_graph.h"
#include "runtime/test_session.h"

namespace linnet {
namespace {

using namespace testing;

constexpr const char* kGraph = R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, -1, 1, 1]
const %b: f32[2] = [0.5, 0]
%m = matmul(%x, %w)
%s = elementwise(%m, %b) {expr=add($0, $1)}
%y = elementwise(%s) {expr=relu($0)}
output %y)";

std::unique_ptr<Calibrator> calibrate(const std::vector<std::vector<double>>& samples) {
  auto calibrator = Calibrator::create(parse(kGraph), 1);
  EXPECT_TRUE(calibrator) << error_of(calibrator);
  for (const std::vector<double>& sample : samples) {
    feed((*calibrator)->session(), {sample});
    const auto observed = (*calibrator)->observe();
    EXPECT_TRUE(observed) << error_of(observed);
  }
  return std::move(*calibrator);
}

TEST(Calibrator, AveragesTheSamplesExtremes) {
  const auto calibrator = calibrate({{1, 2}, {3, -5}});
  // x w + b: [3.5, 1], [-1.5, -8].
  const Ranges expected{{"x", {-2, 2.5}}, {"m", {-3.5, 1}}, {"y", {0.5, 1.75}}};
  EXPECT_EQ(calibrator->ranges(), expected);
  EXPECT_EQ(calibrator->samples(), 2u);
}

TEST(Calibrator, HasNoRangesWithoutSamples) {
  EXPECT_TRUE(calibrate({})->ranges().empty());
}

TEST(Calibrator, RefusesASampleThatIsNotFinite) {
  const auto calibrator = calibrate({{1, 2}});
  const Ranges before = calibrator->ranges();
  feed(calibrator->session(), {{NAN, 1}});
  EXPECT_EQ(error_of(calibrator->observe()), "invalid argument: the value 'x' is not finite for this sample");
  EXPECT_EQ(calibrator->samples(), 1u);
  EXPECT_EQ(calibrator->ranges(), before);
}

}  // namespace
}  // namespace linnet
