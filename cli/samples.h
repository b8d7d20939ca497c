// Samples to calibrate and measure with: the images and .npy files of a directory.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/image_input.h"
#include "cli/preprocessing.h"
#include "runtime/session.h"

namespace linnet {

enum class SampleKinds { Images, ImagesAndTensors };

// The JPEG, PNG and WebP files of a directory, and its .npy files where `kinds` says so, by name; at most
// `limit` of them, where that is not 0. Fails with Io where there are none.
Result<std::vector<std::string>> list_samples(const std::string& directory, SampleKinds kinds, size_t limit);

// Fills the only input of a session from samples.
class SampleFeeder {
 public:
  // `metadata` as in choose_preprocessing. What has to be assumed about images is said on stderr.
  SampleFeeder(Session& session, std::string metadata, const PreprocessFlags& flags)
      : session_(session), metadata_(std::move(metadata)), flags_(flags) {}

  // Fails as read_image and fill_from_bytes do, or with ShapeMismatch for a model of several inputs.
  Result<void> fill(const std::string& file);

 private:
  Result<void> prepare_images();

  Session& session_;
  std::string metadata_;
  PreprocessFlags flags_;
  std::optional<ImageInput> images_;
};

}  // namespace linnet
