// linnet compare: where two models part, node by node.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/model_inputs.h"
#include "cli/progress.h"
#include "cli/samples.h"
#include "cli/table.h"
#include "cli/timing.h"
#include "compress/comparison.h"
#include "graph/op_def.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  std::string first, second;
  std::vector<std::string> inputs;
  ClassifyFlags images;
  std::string samples;
  size_t limit = 0;  // 0: all
  double threshold = 0.05;
  bool json = false;
};

struct Side {
  std::string location, metadata;
  std::optional<Observer> observer;

  Session& session() { return observer->session(); }
  const ObservedValue& value(size_t i) const { return observer->values()[i]; }
};

struct Row {
  ValueMatch match;
  ErrorSum error;
};

struct Findings {
  Side first, second;
  std::vector<Row> rows;
  std::vector<size_t> only_first, only_second;
  size_t samples = 0;
  std::optional<size_t> parting;  // a row
};

Result<Side> load(const Options& options, const std::string& model) {
  TfjsOptions reading;
  for (const std::string& shape : options.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(ModelSource source, open_model(model));
  Side side{source.location, source.model->metadata_json(), std::nullopt};
  const auto work = [&]() -> Result<Observer> {
    TRY_ASSIGN(Graph graph, source.model->to_graph(reading));
    source.model.reset();
    return Observer::create(std::move(graph), compile_options(options.model));
  };
  auto observer = work();
  if (!observer) return std::unexpected(observer.error().within(side.location));
  side.observer = std::move(*observer);
  return side;
}

// "image f32[1,224,224,3]", and so on.
std::string describe_inputs(const Session& session) {
  std::string text;
  for (const PlanPort& port : session.inputs())
    text += (text.empty() ? "" : ", ") + port.name + " " + dtype_name(port.dtype) + port.shape.to_string();
  return text;
}

Result<void> expect_same_inputs(Findings& found) {
  const auto a = found.first.session().inputs(), b = found.second.session().inputs();
  if (std::ranges::equal(a, b, [](const PlanPort& one, const PlanPort& other) {
        return one.dtype == other.dtype && one.shape == other.shape;
      }))
    return {};
  return fail(ErrorCode::ShapeMismatch, "the models take different inputs: %s takes %s, %s takes %s",
              found.first.location.c_str(), describe_inputs(found.first.session()).c_str(),
              found.second.location.c_str(), describe_inputs(found.second.session()).c_str());
}

void match(Findings& found) {
  const auto a = found.first.observer->values(), b = found.second.observer->values();
  std::vector<bool> taken1(a.size()), taken2(b.size());
  for (const ValueMatch& match : match_values(a, b)) {
    found.rows.push_back({match, {}});
    taken1[match.first] = taken2[match.second] = true;
  }
  for (size_t i = 0; i < a.size(); ++i)
    if (!taken1[i]) found.only_first.push_back(i);
  for (size_t i = 0; i < b.size(); ++i)
    if (!taken2[i]) found.only_second.push_back(i);
}

// The first model's inputs are filled: runs both on them.
void compare_sample(Findings& found) {
  Session &first = found.first.session(), &second = found.second.session();
  for (size_t i = 0; i < first.inputs().size(); ++i)
    if (first.input(i).bytes() > 0)
      std::memcpy(second.input(i).data, first.input(i).data, first.input(i).bytes());
  first.run();
  second.run();
  for (Row& row : found.rows)
    row.error.add(found.first.observer->elements(row.match.first),
                  found.second.observer->elements(row.match.second));
  ++found.samples;
}

Result<void> run(const Options& options, Findings& found) {
  Session& session = found.first.session();
  if (options.samples.empty()) {
    const bool none = options.inputs.empty();
    TRY_ASSIGN(const std::vector<Buffer> inputs,
               read_inputs(none ? std::vector<std::string>{"random"} : options.inputs, session));
    set_inputs(session, inputs);
    compare_sample(found);
    return {};
  }
  TRY_ASSIGN(const std::vector<std::string> files,
             list_samples(options.samples, SampleKinds::ImagesAndTensors, options.limit));
  SampleFeeder feeder(session, found.first.metadata, options.images.preprocessing());
  Progress progress("samples", files.size());
  for (const std::string& file : files) {
    TRY(feeder.fill(file));
    compare_sample(found);
    progress.step();
  }
  return {};
}

bool parts(const ErrorSum& error, double threshold) {
  return error.relative() > threshold || error.not_finite() > 0;
}

const char* precision(const ObservedValue& value) {
  return value.codes ? "int8" : "f32";
}

void write_unmatched(JsonOut& out, const char* key, const Side& side, const std::vector<size_t>& values) {
  out.key(key).begin_array();
  for (const size_t i : values) {
    out.begin_object().member("name", side.value(i).name).member("op", op_def(side.value(i).op).name);
    out.member("shape", side.value(i).shape).end_object();
  }
  out.end_array();
}

void print_json(const Findings& found, const Options& options) {
  JsonOut out;
  out.begin_object().member("first", found.first.location).member("second", found.second.location);
  out.member("samples", uint64_t{found.samples}).member("threshold", options.threshold);
  out.key("values").begin_array();
  for (const Row& row : found.rows) {
    const ObservedValue &a = found.first.value(row.match.first), &b = found.second.value(row.match.second);
    out.begin_object().member("name", a.name).member("second_name", b.name);
    out.member("matched_by", row.match.by_name ? "name" : "place");
    out.member("op", op_def(a.op).name).member("shape", a.shape);
    out.member("precision", precision(a)).member("second_precision", precision(b));
    out.member("max_error", row.error.max()).member("rms_error", row.error.rms());
    out.member("range", row.error.range()).member("relative_error", row.error.relative());
    out.member("sqnr_db", row.error.sqnr()).member("not_finite", row.error.not_finite()).end_object();
  }
  out.end_array();
  write_unmatched(out, "only_first", found.first, found.only_first);
  write_unmatched(out, "only_second", found.second, found.only_second);
  out.key("parting");
  if (found.parting)
    out.value(found.first.value(found.rows[*found.parting].match.first).name);
  else
    out.value(NAN);  // null
  out.end_object().print();
}

void print_unmatched(const Side& side, const std::vector<size_t>& values) {
  if (values.empty()) return;
  std::printf("\nonly in %s, or of another shape there:\n", side.location.c_str());
  for (const size_t i : values)
    std::printf("  %s %s%s\n", side.value(i).name.c_str(), op_def(side.value(i).op).name,
                side.value(i).shape.to_string().c_str());
}

void print_text(const Findings& found, const Options& options) {
  Table table({"value", "op", "precision", "max error", "RMS error", "of range", "SQNR dB"}, 3);
  for (size_t i = 0; i < found.rows.size(); ++i) {
    const Row& row = found.rows[i];
    const ObservedValue &a = found.first.value(row.match.first), &b = found.second.value(row.match.second);
    const std::string mark = parts(row.error, options.threshold) ? (found.parting == i ? " <" : " *") : "";
    std::vector<std::string> cells{
        row.match.by_name ? a.name : a.name + " ~ " + b.name,
        op_def(a.op).name,
        a.codes == b.codes ? precision(a) : std::string(precision(a)) + "/" + precision(b),
        formatted("%.3g", row.error.max()),
        formatted("%.3g", row.error.rms()),
        formatted("%.4f %%", 100 * row.error.relative()),
        formatted("%.1f", row.error.sqnr()) + mark};
    if (row.error.not_finite() > 0) cells.back() = "not finite" + mark;
    table.add(std::move(cells));
  }
  std::printf("%s and %s on %zu sample%s: %zu values match\n\n", found.first.location.c_str(),
              found.second.location.c_str(), found.samples, found.samples == 1 ? "" : "s", found.rows.size());
  table.print();
  print_unmatched(found.first, found.only_first);
  print_unmatched(found.second, found.only_second);
  if (found.parting)
    std::printf("\nthey part at %s: RMS error above %g %% of the range\n",
                found.first.value(found.rows[*found.parting].match.first).name.c_str(),
                100 * options.threshold);
  else
    std::printf("\nno value is off by more than %g %% of its range (RMS)\n", 100 * options.threshold);
}

Result<int> compare(const Options& options) {
  Findings found;
  TRY_ASSIGN(found.first, load(options, options.first));
  TRY_ASSIGN(found.second, load(options, options.second));
  TRY(expect_same_inputs(found));
  match(found);
  if (found.rows.empty())
    return fail(ErrorCode::ShapeMismatch,
                "no value of %s has a counterpart in %s, by name and shape or by place",
                found.first.location.c_str(), found.second.location.c_str());
  TRY(run(options, found));
  const auto parting =
      std::ranges::find_if(found.rows, [&](const Row& row) { return parts(row.error, options.threshold); });
  if (parting != found.rows.end()) found.parting = static_cast<size_t>(parting - found.rows.begin());
  options.json ? print_json(found, options) : print_text(found, options);
  return found.parting ? kExitBeyond : kExitOk;
}

}  // namespace

Command add_compare(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("compare", "Compares two models value by value: where do they part?");
  app->add_option("MODEL", options->first, "Model to compare with")->type_name("")->required();
  app->add_option("SECOND", options->second, "Model to compare")->type_name("")->required();
  add_shared_model_flags(*app, options->model, true);
  CLI::Option* inputs =
      app->add_option("--input", options->inputs,
                      "[NAME=]FILE (.npy or raw elements) or random[:SEED]; random by itself")
          ->type_name("FILE")
          ->take_all();
  CLI::Option* samples =
      app->add_option("--images", options->samples, "Directory of images or .npy files to compare on instead")
          ->type_name("DIR")
          ->check(CLI::ExistingDirectory);
  inputs->excludes(samples);
  app->add_option("--limit", options->limit, "Only the first N of them by name")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app->add_option("--threshold", options->threshold,
                  "Values part where their RMS error is more than this part of their range")
      ->type_name("FRACTION")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_image_flags(*app, options->images);
  add_json_flag(*app, options->json);
  app->footer(
      "Exit status: 0 no value parts, 3 some do.\n"
      "Examples:\n"
      "  linnet compare models/mobilenet mobilenet-int8 --images photos --limit 10\n"
      "  linnet compare models/mobilenet mobilenet-fp16 --threshold 0.001 --json");
  return {app, [options] { return compare(*options); }};
}

}  // namespace linnet
