// linnet optimise: the model as the engine simplifies it.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/model_writer.h"
#include "passes/pipeline.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  std::string output;
  bool json = false;
};

Result<int> optimise(const Options& options) {
  TfjsOptions reading;
  for (const std::string& shape : options.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(ModelSource source, open_model(options.model.model));
  size_t before = 0, after = 0;
  const auto work = [&]() -> Result<WrittenModel> {
    TRY_ASSIGN(Graph graph, source.model->to_graph(reading));
    before = graph.node_count();
    TRY(simplify(graph));
    after = graph.node_count();
    return write_model(graph, {.metadata = source.model->metadata_json()}, source.location, options.output);
  };
  const auto written = work();
  if (!written) return std::unexpected(written.error().within(source.location));
  if (!options.json) {
    std::printf("nodes  %zu, %zu before\nwrote  %s\n", after, before, written->model_json.c_str());
    return kExitOk;
  }
  JsonOut out;
  out.begin_object().member("model", written->model_json).member("weights_bytes", written->weights_bytes);
  out.member("nodes", uint64_t{after}).member("nodes_before", uint64_t{before}).end_object().print();
  return kExitOk;
}

}  // namespace

Command add_optimise(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand(
      "optimise",
      "Writes the model simplified: batch norms folded, unused nodes gone, weights in files of 4 MB");
  add_model_flags(*app, options->model, false);
  add_output_flag(*app, options->output);
  add_json_flag(*app, options->json);
  app->footer("Example:\n  linnet optimise models/mobilenet -o mobilenet-optimised");
  return {app, [options] { return optimise(*options); }};
}

}  // namespace linnet
