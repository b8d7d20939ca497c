#include "cli/scatter_plot.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "cli/table.h"

namespace linnet {
namespace {

constexpr double kWidth = 760, kHeight = 500, kLeft = 64, kRight = 24, kTop = 78, kBottom = 52;
constexpr double kLargestRadius = 14, kLeastRadius = 3;
// Okabe and Ito's colours, which the colour-blind tell apart.
constexpr const char* kColours[] = {"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// Maps [low, high] to pixels.
struct Axis {
  double low, high, from, to;
  double operator()(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

Axis axis_of(const ScatterPlot& plot, double PlotPoint::*member, const std::optional<double>& limit,
             double from, double to) {
  double low = 0, high = limit.value_or(0);
  for (const PlotPoint& point : plot.points) {
    low = std::min(low, point.*member);
    high = std::max(high, point.*member);
  }
  if (!(high > low)) high = low + 1;
  const double margin = 0.06 * (high - low);
  return {low < 0 ? low - margin : low, high + margin, from, to};
}

std::string colour_of(size_t group) {
  return kColours[group % std::size(kColours)];
}

std::string text_at(double x, double y, const char* anchor, const std::string& text, const char* more = "") {
  return formatted("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y, anchor, more,
                   escaped(text).c_str());
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return formatted("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2, style);
}

}  // namespace

std::vector<double> axis_marks(double low, double high, int count) {
  const double rough = (high - low) / count, power = std::pow(10, std::floor(std::log10(rough)));
  const double step = power * (rough > 5 * power ? 10 : rough > 2 * power ? 5 : rough > power ? 2 : 1);
  std::vector<double> marks;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9); ++i)
    marks.push_back(0.0 + i * step);
  return marks;
}

std::string ScatterPlot::svg() const {
  const Axis x = axis_of(*this, &PlotPoint::x, x_limit, kLeft, kWidth - kRight);
  const Axis y = axis_of(*this, &PlotPoint::y, y_limit, kHeight - kBottom, kTop);
  std::string out = formatted(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" font-family=\"sans-serif\" "
      "font-size=\"12\" fill=\"#222\">\n<rect width=\"%g\" height=\"%g\" fill=\"#fff\"/>\n",
      kWidth, kHeight, kWidth, kHeight);
  out += text_at(kLeft, 24, "start", title, " font-size=\"16\" font-weight=\"bold\"");
  out += text_at(kLeft, 42, "start", subtitle, " fill=\"#666\"");
  for (const double mark : axis_marks(x.low, x.high, 8)) {
    out += line(x(mark), y.from, x(mark), y.to, "stroke=\"#e8e8e8\"");
    out += text_at(x(mark), y.from + 18, "middle", formatted("%g", mark));
  }
  for (const double mark : axis_marks(y.low, y.high, 6)) {
    out += line(x.from, y(mark), x.to, y(mark), "stroke=\"#e8e8e8\"");
    out += text_at(x.from - 8, y(mark) + 4, "end", formatted("%g", mark));
  }
  out += text_at((x.from + x.to) / 2, kHeight - 12, "middle", x_axis);
  out += text_at(0, 0, "middle", y_axis,
                 formatted(" transform=\"translate(16 %.1f) rotate(-90)\"", (y.from + y.to) / 2).c_str());
  // What lies beyond a limit is shaded.
  const char* dashed = "stroke=\"#c00\" stroke-dasharray=\"6 4\"";
  const auto shade = [&](double left, double top, double right, double bottom) {
    out += formatted(
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#c00\" fill-opacity=\"0.05\"/>\n",
        left, top, right - left, bottom - top);
  };
  if (x_limit) {
    shade(x(*x_limit), y.to, x.to, y.from);
    out += line(x(*x_limit), y.from, x(*x_limit), y.to, dashed);
  }
  if (y_limit) {
    shade(x.from, y.to, x.to, y(*y_limit));
    out += line(x.from, y(*y_limit), x.to, y(*y_limit), dashed);
  }

  std::vector<const PlotPoint*> by_x, by_area;
  double largest = 0;
  for (const PlotPoint& point : points) {
    by_x.push_back(&point);
    by_area.push_back(&point);
    largest = std::max(largest, point.area);
  }
  // Down the stairs: each point is lower than all to its left.
  std::ranges::sort(by_x, {}, [](const PlotPoint* point) { return std::tuple(point->x, point->y, point); });
  std::string path;
  double lowest = INFINITY;
  for (const PlotPoint* point : by_x) {
    if (point->y >= lowest) continue;
    path += path.empty() ? formatted("M%.1f %.1f", x(point->x), y.to)
                         : formatted("L%.1f %.1f", x(point->x), y(lowest));
    path += formatted("L%.1f %.1f", x(point->x), y(point->y));
    lowest = point->y;
  }
  if (!path.empty())
    out += "<path d=\"" + path + formatted("L%.1f %.1f", x.to, y(lowest)) +
           "\" fill=\"none\" stroke=\"#999\" stroke-width=\"1.5\"/>\n";
  // Small circles are seen over large ones.
  std::ranges::sort(by_area, {}, [](const PlotPoint* point) { return std::pair(-point->area, point); });
  std::string chosen;
  for (const PlotPoint* point : by_area) {
    const double radius = largest > 0
                              ? std::max(kLargestRadius * std::sqrt(point->area / largest), kLeastRadius)
                              : kLeastRadius;
    const double cx = x(point->x), cy = y(point->y);
    out += formatted("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" fill-opacity=\"%s\"%s", cx, cy,
                     radius, colour_of(point->group).c_str(), point->marked ? "0.85" : "0.35",
                     point->marked ? " stroke=\"#222\"" : "");
    out += "><title>" + escaped(point->label) + "</title></circle>\n";
    if (!point->chosen) continue;
    chosen += formatted(
        "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"none\" stroke=\"#000\" stroke-width=\"2\"/>\n", cx,
        cy, radius + 4);
    const bool right = cx > (x.from + x.to) / 2, below = cy < (y.from + y.to) / 2;
    chosen += text_at(std::clamp(cx, x.from, x.to - 4), cy + (below ? radius + 20 : -radius - 10),
                      right ? "end" : "start", point->label,
                      " font-weight=\"bold\" stroke=\"#fff\" stroke-width=\"4\" paint-order=\"stroke\"");
  }
  out += chosen;
  double at = kLeft;
  for (size_t i = 0; i < groups.size(); ++i) {
    out += formatted("<circle cx=\"%.1f\" cy=\"60\" r=\"5\" fill=\"%s\"/>\n", at + 5, colour_of(i).c_str());
    out += text_at(at + 15, 64, "start", groups[i]);
    // Letters of a sans-serif font are about so wide.
    at += 38 + 7.0 * static_cast<double>(groups[i].size());
  }
  return out + "</svg>\n";
}

}  // namespace linnet
