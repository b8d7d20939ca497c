// linnet variants: one model at several sizes of its image, which share their weights.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/image_sizes.h"
#include "cli/json.h"
#include "cli/model_copy.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "graph/op_def.h"
#include "passes/pipeline.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  std::string sizes = "224,192,160,128,96", output;
  bool json = false;
};

struct Variant {
  ImageSize size;
  ModelJson json;
  std::string file;  // its name, then its path
  int64_t macs = 0;
};

Result<int64_t> count_macs(Graph graph) {
  TRY(run_passes(graph));
  int64_t macs = 0;
  for (const Node& node : graph.nodes()) macs += node_macs(graph, node);
  return macs;
}

// All variants, checked. The first is the model at its own size.
Result<std::vector<Variant>> make(const Options& options, const std::vector<ImageSize>& sizes,
                                  const ModelJson& json, ModelSource& source) {
  TfjsOptions reading;
  for (const std::string& shape : options.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(const Graph original, source.model->to_graph(reading));
  TRY_ASSIGN(const ImageSize own, image_size_of(original));
  std::vector<Variant> variants;
  TRY_ASSIGN(const int64_t macs, count_macs(original));
  variants.push_back({own, json, "model.json", macs});
  if (!options.model.shapes.empty())
    TRY(variants[0].json.set_image_size(original.inputs[0].name, own.height, own.width));
  Progress progress("sizes", sizes.size());
  for (const ImageSize& size : sizes) {
    if (size != own) {
      Graph graph;
      TRY_ASSIGN(ModelJson resized, resize_model(json, source.location, original, size, &graph));
      TRY_ASSIGN(const int64_t of_size, count_macs(std::move(graph)));
      variants.push_back({size, std::move(resized), "model_" + size.text() + ".json", of_size});
    }
    progress.step();
  }
  return variants;
}

void print(const Options& options, const std::vector<Variant>& variants, uint64_t weights_bytes) {
  if (options.json) {
    JsonOut out;
    out.begin_object().member("weights_bytes", weights_bytes).key("variants").begin_array();
    for (const Variant& variant : variants) {
      out.begin_object().member("model", variant.file).member("height", variant.size.height);
      out.member("width", variant.size.width).member("macs", variant.macs).end_object();
    }
    out.end_array().end_object().print();
    return;
  }
  Table table({"size", "model", "MACs"}, 2);
  for (const Variant& variant : variants)
    table.add(
        {variant.size.text(), formatted("%.1f M", static_cast<double>(variant.macs) / 1e6), variant.file});
  table.print();
}

Result<int> write_variants(const Options& options) {
  TRY_ASSIGN(const std::vector<ImageSize> sizes, parse_image_sizes(options.sizes));
  TRY_ASSIGN(ModelSource source, open_model(options.model.model));
  TRY(expect_elsewhere(source.location, options.output));
  const uint64_t weights_bytes = source.model->weights_bytes();
  TRY_ASSIGN(const ModelJson json, ModelJson::read(source.location));
  auto made = make(options, sizes, json, source);
  if (!made) return std::unexpected(made.error().within(source.location));
  TRY(copy_weights(source.location, *source.model, options.output));
  for (Variant& variant : *made) {
    TRY_ASSIGN(variant.file, variant.json.write(options.output, variant.file));
  }
  print(options, *made, weights_bytes);
  return kExitOk;
}

}  // namespace

Command add_variants(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand(
      "variants",
      "Writes a model for several sizes of its image: model.json, model_192.json ..., one set of weights");
  add_model_flags(*app, options->model, false);
  add_output_flag(*app, options->output);
  app->add_option("--sizes", options->sizes, "Sizes of the image in pixels: 224,192,160 or 144x256,108x192")
      ->type_name("N,N,...")
      ->capture_default_str();
  add_json_flag(*app, options->json);
  app->footer("Example:\n  linnet variants models/mobilenet -o mobilenet-sizes --sizes 224,192,160,128,96");
  return {app, [options] { return write_variants(*options); }};
}

}  // namespace linnet
