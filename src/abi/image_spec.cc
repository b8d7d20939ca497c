#include "abi/image_spec.h"

#include <string_view>

#include "abi/memory.h"

namespace linnet::abi {

Result<PreprocessSpec> preprocess_spec(const ImageSpec& image) {
  PreprocessSpec spec;
  const std::string_view fit = text_at(image.fit, image.fit_bytes);
  if (!fit.empty() && !fit_from_name(fit, &spec.fit))
    return fail(ErrorCode::InvalidArgument, "there is no image fit '%.*s'; use crop, stretch or letterbox",
                static_cast<int>(fit.size()), fit.data());
  spec.crop = image.crop;
  if (!(spec.crop > 0 && spec.crop <= 1))
    return fail(ErrorCode::InvalidArgument, "crop is %g; it must be above 0 and at most 1",
                double{spec.crop});
  if (image.normalisation_bytes == 0) {
    for (int channel = 0; channel < 3; ++channel) {
      spec.normalisation.scale[channel] = image.scale[channel];
      spec.normalisation.offset[channel] = image.offset[channel];
    }
  } else {
    const std::string_view name = text_at(image.normalisation, image.normalisation_bytes);
    if (!normalisation_from_name(name, &spec.normalisation))
      return fail(ErrorCode::InvalidArgument,
                  "there is no normalisation '%.*s'; use unit, pm1, imagenet, raw or a scale and offset",
                  static_cast<int>(name.size()), name.data());
  }
  return spec;
}

}  // namespace linnet::abi
