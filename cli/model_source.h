// Finds a model, reads its files and compiles it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/tfjs/tfjs_model.h"
#include "runtime/compile.h"
#include "runtime/session.h"

namespace linnet {

// model.json with all its weights.
struct ModelSource {
  std::string location;  // of model.json: a path or a URL
  std::unique_ptr<TfjsModel> model;
};

// The model.json that `argument` means: a file or URL ending in .json is itself; a directory has model.json,
// else the only .json file in it that holds a model; at any other URL it is model.json below. Fails with Io
// or InvalidArgument.
Result<std::string> locate_model(const std::string& argument);

// Where a weight file lies, given the model.json that names it; TfjsModel has seen to it that its path does
// not climb. A URL's query goes with it. Fails with MalformedModel for an absolute path of a model on disk.
Result<std::string> locate_shard(const std::string& model_json, const std::string& shard);

// Reads the weight files that `model`, whose model.json lies at `location`, names. Errors name the file.
Result<void> read_weights(const std::string& location, TfjsModel& model);

// Reads model.json and all weight files. Errors name the file.
Result<ModelSource> open_model(const std::string& argument);

// "NAME=1,224,224,3" of --shape. Fails with InvalidArgument.
Result<void> parse_shape_flag(const std::string& flag, TfjsOptions& options);

// What the flags common to all subcommands say about the model.
struct ModelFlags {
  std::string model;
  int threads = 0;  // 0: as many of the machine's as turn out fastest
  bool reference = false;
  bool f32 = false;
  RowFusion row_fusion = RowFusion::WherePays;
  std::vector<std::string> shapes;
};

// How many threads to work with where nothing is measured: --threads, else as many as the machine has cores.
int thread_count(const ModelFlags& flags);

// How to compile a model for these flags.
CompileOptions compile_options(const ModelFlags& flags);

// A model ready to run.
struct LoadedModel {
  std::string location;
  std::string metadata;
  std::unique_ptr<Session> session;
};

Result<LoadedModel> load_model(const ModelFlags& flags);

}  // namespace linnet
