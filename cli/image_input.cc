#include "cli/image_input.h"

namespace linnet {

Result<ImageInput> ImageInput::create(const Session& session, std::string_view metadata,
                                      const PreprocessFlags& flags) {
  if (session.inputs().size() != 1)
    return fail(ErrorCode::ShapeMismatch, "no model of one image: it has %zu inputs",
                session.inputs().size());
  const PlanPort& input = session.inputs()[0];
  ImageInput result;
  TRY_ASSIGN(result.choice_, choose_preprocessing(metadata, flags, input.dtype));
  // Any image will do to see whether the input can take one.
  auto probe = Preprocessor::create({1, 1}, {input.dtype, input.shape}, result.choice_.spec);
  if (!probe) return std::unexpected(probe.error().within("input '" + input.name + "'"));
  return result;
}

Result<void> ImageInput::fill(Session& session, const Image& image) {
  return write(image, {session.input(0), {}});
}

Result<void> ImageInput::enter(Session& session, const Image& image) {
  TRY(write(image, session.image_entry(0)));
  session.image_entered();
  return {};
}

Result<void> ImageInput::write(const Image& image, const Session::ImageEntry& to) {
  const auto& [view, quantization] = to;
  if (!preprocessor_ || preprocessor_->format() != image.format() || written_ != view.dtype) {
    TRY_ASSIGN(preprocessor_,
               Preprocessor::create(image.format(), {view.dtype, view.shape, quantization}, choice_.spec));
    written_ = view.dtype;
  }
  preprocessor_->run(image.view(), view);
  return {};
}

}  // namespace linnet
