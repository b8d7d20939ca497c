// The flags that say how images become a classifier's input, and which output holds its answer.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "cli/preprocessing.h"

namespace linnet {

struct ClassifyFlags {
  std::optional<std::string> normalisation, fit;
  std::optional<float> crop;
  std::string output;

  PreprocessFlags preprocessing() const { return {.normalisation = normalisation, .fit = fit, .crop = crop}; }
};

// The flags about images alone.
inline void add_image_flags(CLI::App& app, ClassifyFlags& flags) {
  app.add_option(
         "--normalisation", flags.normalisation,
         "Range of the input: unit (0 to 1), pm1 (-1 to 1), imagenet (mean and deviation of its channels), "
         "raw (0 to 255); by itself what the model's metadata say")
      ->type_name("NAME")
      ->check(CLI::IsMember({"unit", "pm1", "imagenet", "raw"}));
  app.add_option("--fit", flags.fit, "Part of the image: crop (the default), stretch or letterbox")
      ->type_name("NAME")
      ->check(CLI::IsMember({"crop", "stretch", "letterbox"}));
  app.add_option("--crop", flags.crop,
                 "For --fit crop: side of the centre square as a fraction of the shorter side "
                 "(0.875 by itself)")
      ->type_name("FRACTION");
}

inline void add_classify_flags(CLI::App& app, ClassifyFlags& flags) {
  add_image_flags(app, flags);
  app.add_option("--output", flags.output, "Output with the classes, for models of several")
      ->type_name("NAME");
}

}  // namespace linnet
