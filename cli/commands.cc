#include "cli/commands.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>

#include "runtime/thread_pool.h"

namespace linnet {
namespace {

constexpr size_t kHelpColumns = 80;  // of the descriptions

// Breaks lines between words; CLI11 indents what follows a break.
std::string wrap(const std::string& text) {
  std::string out;
  size_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (line != 0 && line + 1 + (end - at) > kHelpColumns) {
      out += '\n';
      line = 0;
    } else if (line != 0) {
      out += ' ';
      ++line;
    }
    out.append(text, at, end - at);
    line += end - at;
    at = end + 1;
  }
  return out;
}

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_desc(const CLI::Option* option) const override {
    return wrap(CLI::Formatter::make_option_desc(option));
  }
};

int report(const Error& error) {
  std::fprintf(stderr, "linnet: %s: %s\n", error_title(error.code()), error.detail());
  return error.code() == ErrorCode::InvalidArgument ? kExitUsage : kExitFailure;
}

int dispatch(int argc, const char* const* argv) {
  CLI::App app("Runs TensorFlow.js models.", "linnet");
  app.set_version_flag("--version", "linnet " LINNET_VERSION);
  app.require_subcommand(0, 1);
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(
      "MODEL is a directory with a model.json, the path of such a file, or an http(s) URL.\n"
      "Results go to stdout, all else to stderr. Exit status: 0 done, 1 the work failed, 2 wrong usage.\n"
      "'linnet SUBCOMMAND --help' shows the flags of a subcommand.");
  const Command commands[] = {
      add_inspect(app),  add_run(app),      add_classify(app), add_evaluate(app), add_compare(app),
      add_bench(app),    add_optimise(app), add_quantize(app), add_golden(app),   add_calibrate_logits(app),
      add_variants(app), add_fit(app),      add_prune(app)};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    const Result<int> done = command.run();
    const int code = done ? *done : report(done.error());
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      std::fprintf(stderr, "linnet: cannot write to stdout\n");
      return kExitFailure;
    }
    return code;
  }
  std::fputs(app.help().c_str(), stdout);
  return kExitOk;
}

}  // namespace

void add_model_flags(CLI::App& app, ModelFlags& flags, bool runs) {
  app.add_option("MODEL", flags.model, "Directory, model.json or URL of a TensorFlow.js model")
      ->type_name("")
      ->required();
  add_shared_model_flags(app, flags, runs);
}

void add_shared_model_flags(CLI::App& app, ModelFlags& flags, bool runs) {
  app.add_option("--shape", flags.shapes,
                 "Shape of an input, for models that leave it open: NAME=1,224,224,3")
      ->type_name("NAME=SHAPE")
      ->take_all();
  app.add_flag("--f32", flags.f32, "Compute in f32 even where the model is calibrated for int8");
  if (!runs) return;
  app.add_option_function<std::string>(
         "--fuse-rows",
         [&flags](const std::string& value) {
           flags.row_fusion = value == "off"   ? RowFusion::Off
                              : value == "all" ? RowFusion::Everywhere
                                               : RowFusion::WherePays;
         },
         "Run chains of convolutions a few image rows at a time: nowhere, where it pays, or wherever "
         "possible")
      ->type_name("off|auto|all")
      ->default_str("auto")
      ->check(CLI::IsMember({"off", "auto", "all"}));
  app.add_option("--threads", flags.threads,
                 "Threads to compute with; without it, as many of the machine's as turn out fastest in the "
                 "first runs")
      ->type_name("N")
      ->check(CLI::Range(1, ThreadPool::kMaxThreads));
}

void add_output_flag(CLI::App& app, std::string& directory) {
  app.add_option("-o,--output", directory, "Directory for the new model")->type_name("DIR")->required();
}

void add_json_flag(CLI::App& app, bool& json) {
  app.add_flag("--json", json, "Print one JSON document to stdout in place of text");
}

int run_command_line(int argc, const char* const* argv) {
  try {
    return dispatch(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "linnet: out of memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "linnet: %s\n", error.what());
  }
  return kExitFailure;
}

}  // namespace linnet
