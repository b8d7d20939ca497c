#include "cli/fit_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "cli/json.h"
#include "cli/scatter_plot.h"
#include "cli/table.h"

namespace linnet {
namespace {

size_t count_right(const Answers& answers, const PhotoSet& set) {
  size_t count = 0;
  for (size_t i = 0; i < set.photos.size(); ++i) count += answers.right(i, set.photos[i].truth, 1);
  return count;
}

// Of a model.json its directory, of a directory or URL the last part.
std::string name_of(const std::string& model) {
  std::filesystem::path path(model);
  if (path.extension() == ".json" && path.has_parent_path()) path = path.parent_path();
  if (!path.has_filename()) path = path.parent_path();
  return path.filename().empty() ? model : path.filename().string();
}

// By how much the candidate is beyond its worst limit, as a part of it; of points, of one point at least.
double excess_of(const Budget& budget, const Candidate& candidate) {
  double excess = 0;
  const auto count = [&](double value, double limit, double least) {
    excess = std::max(excess, (value - limit) / std::max(limit, least));
  };
  if (budget.max_bytes)
    count(static_cast<double>(candidate.measured.bytes), static_cast<double>(*budget.max_bytes), 1);
  if (budget.max_ms) count(candidate.measured.ms, *budget.max_ms, 1e-6);
  if (budget.max_drop) count(candidate.drop, *budget.max_drop, 1);
  return excess;
}

}  // namespace

std::string Candidate::text() const {
  const std::string name = std::string(precision_name(base.precision)) + " at " + size.text();
  return base.macs < 1 ? formatted("%s, %g of MACs", name.c_str(), base.macs) : name;
}

double percent(size_t count, size_t total) {
  return 100.0 * static_cast<double>(count) / static_cast<double>(total);
}

std::string Budget::text() const {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (max_bytes) add(formatted("%llu bytes", static_cast<unsigned long long>(*max_bytes)));
  if (max_ms) add(formatted("%g ms", *max_ms));
  if (max_drop) add(formatted("%g points", *max_drop));
  return text;
}

void print_json(const Findings& found) {
  const size_t total = found.measuring.photos.size();
  const bool labelled = found.measuring.labelled();
  const auto measured = [&](JsonOut& out, const Measured& of) {
    out.member("bytes", of.bytes).member("ms", rounded(of.ms, 4));
    if (labelled) out.member("top1", rounded(percent(count_right(of.answers, found.measuring), total), 2));
  };
  JsonOut out;
  out.begin_object().member("photos", uint64_t{total}).member("labelled", labelled);
  out.key("original").begin_object();
  measured(out, found.original);
  out.end_object().key("candidates").begin_array();
  for (size_t i = 0; i < found.candidates.size(); ++i) {
    const Candidate& candidate = found.candidates[i];
    out.begin_object().member("precision", precision_name(candidate.base.precision));
    out.member("macs", candidate.base.macs)
        .member("height", candidate.size.height)
        .member("width", candidate.size.width);
    measured(out, candidate.measured);
    out.member("agreement", rounded(percent(candidate.agreements, total), 2));
    out.member("drop", rounded(candidate.drop, 2)).member("fits", candidate.fits);
    out.member("pareto", candidate.pareto).member("chosen", found.chosen == i).end_object();
  }
  out.end_array();
  if (!found.model.empty()) out.member("model", found.model);
  if (!found.plot.empty()) out.member("plot", found.plot);
  out.end_object().print();
}

void print_text(const Findings& found) {
  const size_t total = found.measuring.photos.size();
  const bool labelled = found.measuring.labelled();
  std::vector<std::string> titles{"", "model", "bytes", "median ms", "agrees"};
  if (labelled) titles.insert(titles.end(), {"top-1", "points lost"});
  Table table(std::move(titles), 2);
  const auto add = [&](const char* mark, const std::string& name, const Measured& of,
                       const Candidate* candidate) {
    std::vector<std::string> row{
        mark, name, std::to_string(of.bytes), formatted("%.2f", of.ms),
        candidate ? formatted("%.1f %%", percent(candidate->agreements, total)) : ""};
    if (labelled)
      row.push_back(formatted("%.1f %%", percent(count_right(of.answers, found.measuring), total)));
    if (labelled && candidate) {
      const Interval interval = newcombe(candidate->paired);
      row.push_back(formatted("%.1f (%.1f to %.1f)", candidate->drop, 0.0 - 100 * interval.high,
                              0.0 - 100 * interval.low));
    }
    table.add(std::move(row));
  };
  add("", "original", found.original, nullptr);
  for (size_t i = 0; i < found.candidates.size(); ++i) {
    const Candidate& candidate = found.candidates[i];
    add(found.chosen == i  ? ">"
        : candidate.pareto ? "*"
                           : "",
        candidate.text(), candidate.measured, &candidate);
  }
  std::printf("measured on %zu photos; nothing is better than what has a *\n\n", total);
  table.print();
  if (found.chosen)
    std::printf("\nchosen  %s\nwrote   %s\n", found.candidates[*found.chosen].text().c_str(),
                found.model.c_str());
  if (!found.plot.empty()) std::printf("plot    %s\n", found.plot.c_str());
}

void say_nothing_fits(const Findings& found, const Budget& budget) {
  uint64_t bytes = UINT64_MAX;
  double ms = INFINITY, drop = INFINITY;
  for (const Candidate& candidate : found.candidates) {
    bytes = std::min(bytes, candidate.measured.bytes);
    ms = std::min(ms, candidate.measured.ms);
    drop = std::min(drop, candidate.drop);
  }
  const Candidate& nearest = *std::ranges::min_element(
      found.candidates, {}, [&](const Candidate& candidate) { return excess_of(budget, candidate); });
  std::fprintf(
      stderr,
      "linnet: no candidate meets the budget of %s; the smallest has %llu bytes, the fastest takes %.2f ms, "
      "the best loses %.1f points. Nothing is written.\n"
      "linnet: the nearest is %s: --max-bytes %llu --max-ms %.2f --max-drop %.1f would let it in.\n",
      budget.text().c_str(), static_cast<unsigned long long>(bytes), ms, drop, nearest.text().c_str(),
      static_cast<unsigned long long>(nearest.measured.bytes), nearest.measured.ms + 0.005,
      std::max(nearest.drop + 0.05, 0.0));
}

std::string plot_of(const Findings& found, const Budget& budget, const std::string& model) {
  std::vector<std::string> groups;
  uint64_t largest = 0;
  for (const Candidate& candidate : found.candidates) largest = std::max(largest, candidate.measured.bytes);
  for (const Candidate& candidate : found.candidates)
    if (std::ranges::find(groups, precision_name(candidate.base.precision)) == groups.end())
      groups.emplace_back(precision_name(candidate.base.precision));
  std::ranges::sort(groups);
  ScatterPlot plot{
      .title = name_of(model),
      .subtitle = formatted("circles by bytes, the largest %.2f MB; outlined: not beaten in bytes, time and "
                            "accuracy at once",
                            static_cast<double>(largest) / 1e6),
      .x_axis = "median ms on this machine",
      .y_axis = found.measuring.labelled() ? "points of top-1 lost" : "% of other answers",
      .groups = groups,
      .points = {},
      .x_limit = budget.max_ms,
      .y_limit = budget.max_drop};
  for (size_t i = 0; i < found.candidates.size(); ++i) {
    const Candidate& candidate = found.candidates[i];
    const auto group = std::ranges::find(groups, precision_name(candidate.base.precision));
    plot.points.push_back(
        {.x = candidate.measured.ms,
         .y = candidate.drop,
         .area = static_cast<double>(candidate.measured.bytes),
         .group = static_cast<size_t>(group - groups.begin()),
         .label = formatted("%s: %.2f ms, %.2f MB, %.1f", candidate.text().c_str(), candidate.measured.ms,
                            static_cast<double>(candidate.measured.bytes) / 1e6, candidate.drop) +
                  (found.measuring.labelled() ? " points" : " %"),
         .marked = candidate.pareto,
         .chosen = found.chosen == i});
  }
  return plot.svg();
}

}  // namespace linnet
