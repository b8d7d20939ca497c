// The subcommands: each file declares its flags on an app and gives the work to do once they are parsed.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/model_source.h"

namespace linnet {

// The exit codes of the command.
enum Exit : int {
  kExitOk = 0,
  kExitFailure = 1,  // the work failed, or part of it
  kExitUsage = 2,    // the arguments make no sense, alone or for this model (ErrorCode::InvalidArgument)
  kExitBeyond = 3,   // the work is done, and what it found is beyond a threshold or budget
};

struct Command {
  CLI::App* app;
  // Writes results to stdout, all else to stderr. Gives the exit code.
  std::function<Result<int>()> run;
};

Command add_inspect(CLI::App& parent);
Command add_run(CLI::App& parent);
Command add_classify(CLI::App& parent);
Command add_evaluate(CLI::App& parent);
Command add_compare(CLI::App& parent);
Command add_bench(CLI::App& parent);
Command add_optimise(CLI::App& parent);
Command add_prune(CLI::App& parent);
Command add_quantize(CLI::App& parent);
Command add_golden(CLI::App& parent);
Command add_calibrate_logits(CLI::App& parent);
Command add_variants(CLI::App& parent);
Command add_fit(CLI::App& parent);

// Declares MODEL, --shape and --f32, which all have, and --threads and --fuse-rows where the model is run.
void add_model_flags(CLI::App& app, ModelFlags& flags, bool runs);
// The same without MODEL, for subcommands that take several models by the same flags.
void add_shared_model_flags(CLI::App& app, ModelFlags& flags, bool runs);
// -o DIR, for subcommands that write a model.
void add_output_flag(CLI::App& app, std::string& directory);
void add_json_flag(CLI::App& app, bool& json);

// The whole command line: parses, runs, reports errors. Gives the exit code.
int run_command_line(int argc, const char* const* argv);

}  // namespace linnet
