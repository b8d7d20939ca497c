// What `linnet fit` found, as text, JSON and a plot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/candidates.h"
#include "cli/image_sizes.h"
#include "cli/model_json.h"
#include "cli/photos.h"

namespace linnet {

struct Budget {
  std::optional<uint64_t> max_bytes;
  std::optional<double> max_ms, max_drop;
  // "4000000 bytes, 10 ms"; empty where there is no limit.
  std::string text() const;
};

struct Candidate {
  Base base;
  ImageSize size;
  ModelJson json;
  Measured measured;
  Paired paired;  // with the original, of the photos whose class is known
  size_t agreements = 0;
  double drop = 0;  // points of top-1, or of agreement
  bool fits = false, pareto = false;

  // "int8 at 160, 0.75 of MACs"
  std::string text() const;
};

struct Findings {
  PhotoSet measuring;
  Measured original;
  std::vector<Candidate> candidates;  // the fastest first
  std::optional<size_t> chosen;
  std::string model, plot;
};

double percent(size_t count, size_t total);

void print_json(const Findings& found);
void print_text(const Findings& found);
// To stderr: how near candidates came.
void say_nothing_fits(const Findings& found, const Budget& budget);
// SVG. `model` as the command was given it.
std::string plot_of(const Findings& found, const Budget& budget, const std::string& model);

}  // namespace linnet
