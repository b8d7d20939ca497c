#include "cli/samples.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "cli/image.h"
#include "cli/io.h"
#include "cli/tensor_files.h"

namespace linnet {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxTensorFileBytes = uint64_t{1} << 31;

bool is_tensor(const fs::path& path) {
  return path.extension() == ".npy";
}
bool is_image(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".webp";
}

}  // namespace

Result<std::vector<std::string>> list_samples(const std::string& directory, SampleKinds kinds, size_t limit) {
  const bool tensors = kinds == SampleKinds::ImagesAndTensors;
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (entry.is_regular_file() && (is_image(entry.path()) || (tensors && is_tensor(entry.path()))))
      files.push_back(entry.path().string());
  if (error) return fail(ErrorCode::Io, "%s: cannot list: %s", directory.c_str(), error.message().c_str());
  if (files.empty())
    return fail(ErrorCode::Io, "%s: no %s files in it", directory.c_str(),
                tensors ? "JPEG, PNG, WebP or .npy" : "JPEG, PNG or WebP");
  std::ranges::sort(files);
  if (limit > 0 && files.size() > limit) files.resize(limit);
  return files;
}

Result<void> SampleFeeder::fill(const std::string& file) {
  if (!is_tensor(file)) {
    if (!images_) TRY(prepare_images());
    TRY_ASSIGN(const Image image, read_image(file));
    return images_->fill(session_, image);
  }
  if (session_.inputs().size() != 1)
    return fail(ErrorCode::ShapeMismatch, "the model has %zu inputs, samples can fill one",
                session_.inputs().size());
  TRY_ASSIGN(const Buffer content, read_file(file, kMaxTensorFileBytes));
  auto filled = fill_from_bytes(content.bytes(), session_.input(0));
  if (!filled) return std::unexpected(filled.error().within(file));
  return {};
}

Result<void> SampleFeeder::prepare_images() {
  TRY_ASSIGN(images_, ImageInput::create(session_, metadata_, flags_));
  const std::string& warning = images_->preprocessing().warning;
  if (!warning.empty()) std::fprintf(stderr, "linnet: %s\n", warning.c_str());
  return {};
}

}  // namespace linnet
