#include "cli/scatter_plot.h"

#include <algorithm>
#include <cmath>

#include "cli/table.h"

namespace linnet {
namespace {

constexpr double kWidth = 760, kHeight = 480, kLeft = 64, kRight = 24, kTop = 56, kBottom = 52;
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
  out += text_at(kLeft, 22, "start", title, " font-size=\"15\"");
  for (const double mark : axis_marks(x.low, x.high, 8)) {
    out += line(x(mark), y.from, x(mark), y.to, "stroke=\"#e4e4e4\"");
    out += text_at(x(mark), y.from + 18, "middle", formatted("%g", mark));
  }
  for (const double mark : axis_marks(y.low, y.high, 6)) {
    out += line(x.from, y(mark), x.to, y(mark), "stroke=\"#e4e4e4\"");
    out += text_at(x.from - 8, y(mark) + 4, "end", formatted("%g", mark));
  }
  out += text_at((x.from + x.to) / 2, kHeight - 12, "middle", x_axis);
  out += text_at(0, 0, "middle", y_axis,
                 formatted(" transform=\"translate(16 %.1f) rotate(-90)\"", (y.from + y.to) / 2).c_str());
  const char* dashed = "stroke=\"#c00\" stroke-dasharray=\"6 4\"";
  if (x_limit) out += line(x(*x_limit), y.from, x(*x_limit), y.to, dashed);
  if (y_limit) out += line(x.from, y(*y_limit), x.to, y(*y_limit), dashed);

  std::vector<const PlotPoint*> joined;
  double largest = 0;
  for (const PlotPoint& point : points) {
    if (point.joined) joined.push_back(&point);
    largest = std::max(largest, point.area);
  }
  std::ranges::sort(joined, {}, &PlotPoint::x);
  std::string path;
  for (const PlotPoint* point : joined)
    path += formatted("%s%.1f %.1f", path.empty() ? "M" : "L", x(point->x), y(point->y));
  if (!path.empty()) out += "<path d=\"" + path + "\" fill=\"none\" stroke=\"#888\"/>\n";
  for (const PlotPoint& point : points) {
    const double radius =
        largest > 0 ? std::max(kLargestRadius * std::sqrt(point.area / largest), kLeastRadius) : kLeastRadius;
    out += formatted("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" fill-opacity=\"0.7\"",
                     x(point.x), y(point.y), radius, colour_of(point.group).c_str());
    out += "><title>" + escaped(point.label) + "</title></circle>\n";
    if (!point.chosen) continue;
    out += formatted(
        "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"none\" stroke=\"#000\" stroke-width=\"2\"/>\n",
        x(point.x), y(point.y), radius + 3);
    const bool right = x(point.x) > (x.from + x.to) / 2;
    out += text_at(x(point.x) + (right ? -1 : 1) * (radius + 8), y(point.y) - radius, right ? "end" : "start",
                   point.label, " font-weight=\"bold\"");
  }
  double at = kLeft;
  for (size_t i = 0; i < groups.size(); ++i, at += 90) {
    out += formatted("<circle cx=\"%.1f\" cy=\"38\" r=\"5\" fill=\"%s\"/>\n", at + 5, colour_of(i).c_str());
    out += text_at(at + 15, 42, "start", groups[i]);
  }
  return out + "</svg>\n";
}

}  // namespace linnet
