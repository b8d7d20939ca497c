// A scatter plot as an SVG document.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace linnet {

struct PlotPoint {
  double x = 0, y = 0;
  double area = 0;      // of its circle, in any unit; the largest point's circle has a fixed size
  size_t group = 0;     // its colour, an index of ScatterPlot::groups
  std::string label;    // shown when the pointer rests on it
  bool marked = false;  // drawn strongly; the others stand back
  bool chosen = false;  // has a ring and its label beside it
};

struct ScatterPlot {
  std::string title, subtitle, x_axis, y_axis;
  std::vector<std::string> groups;  // at most six colours
  std::vector<PlotPoint> points;
  std::optional<double> x_limit, y_limit;  // dashed lines, what is beyond them shaded

  // The document. Axes hold all points and limits; a line goes down by those that are lower than all to their
  // left.
  std::string svg() const;
};

// Values for marks along an axis that holds [low, high]: about `count` of them, multiples of 1, 2 or 5 times
// a power of ten. low < high.
std::vector<double> axis_marks(double low, double high, int count);

}  // namespace linnet
