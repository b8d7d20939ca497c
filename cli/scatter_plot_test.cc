#include "cli/scatter_plot.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

size_t count(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(ScatterPlot, MarksAreRound) {
  EXPECT_EQ(axis_marks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(axis_marks(-1, 1.2, 4), (std::vector<double>{-1, 0, 1}));
  EXPECT_EQ(axis_marks(0, 0.3, 3).size(), 4u);
  EXPECT_EQ(axis_marks(0, 70, 8), (std::vector<double>{0, 10, 20, 30, 40, 50, 60, 70}));
}

TEST(ScatterPlot, DrawsPointsLimitsAndTheLine) {
  ScatterPlot plot;
  plot.title = "a < b & c";
  plot.groups = {"one", "two"};
  plot.points = {
      {.x = 1, .y = 4, .area = 4, .group = 0, .label = "first", .marked = true},
      {.x = 2, .y = 1, .area = 1, .group = 1, .label = "\"second\"", .marked = true, .chosen = true},
      {.x = 3, .y = 3, .area = 0, .group = 1, .label = "third"}};
  plot.x_limit = 2.5;
  const std::string svg = plot.svg();
  // Three points, the ring of the chosen one, two of the legend.
  EXPECT_EQ(count(svg, "<circle"), 6u);
  EXPECT_EQ(count(svg, "stroke-dasharray"), 1u);
  EXPECT_EQ(count(svg, "<path d=\"M"), 1u);
  EXPECT_EQ(count(svg, "fill-opacity=\"0.05\""), 1u);
  EXPECT_EQ(count(svg, "stroke=\"#222\""), 2u);
  EXPECT_NE(svg.find("a &lt; b &amp; c"), svg.npos);
  EXPECT_NE(svg.find("<title>&quot;second&quot;</title>"), svg.npos);
  EXPECT_NE(svg.find("r=\"14.0\""), svg.npos);
  EXPECT_NE(svg.find("r=\"7.0\""), svg.npos);
  EXPECT_EQ(svg.find("nan"), svg.npos);
  EXPECT_EQ(svg.find("inf"), svg.npos);
}

TEST(ScatterPlot, HoldsWithoutPoints) {
  const std::string svg = ScatterPlot{}.svg();
  EXPECT_EQ(svg.find("nan"), svg.npos);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

}  // namespace
}  // namespace linnet
