#include "cli/preprocessing.h"

#include "formats/tfjs/json.h"

namespace linnet {
namespace {

// The value of `key`, from the flag or else from the metadata (null is absent there), and where it stands.
template <class T>
struct Sourced {
  std::optional<T> value;
  const char* source = "";
};

Result<Sourced<std::string>> choose_text(const Json& metadata, const char* key,
                                         const std::optional<std::string>& flag) {
  if (flag) return Sourced<std::string>{*flag, "the flag"};
  const Json value = metadata[key];
  if (!value) return Sourced<std::string>{};
  if (!value.is_string()) {
    return fail(ErrorCode::InvalidArgument, "the model's metadata: \"%s\" is not text; give --%s", key, key);
  }
  return Sourced<std::string>{std::string(*value.string()), "the model's metadata"};
}

Result<float> choose_crop(const Json& metadata, std::optional<float> flag, float fallback) {
  float crop = fallback;
  const Json value = metadata["crop"];
  if (flag) {
    crop = *flag;
  } else if (value) {
    crop = value.is_number() ? static_cast<float>(*value.number()) : -1;
  }
  if (!(crop > 0 && crop <= 1)) {
    return fail(ErrorCode::InvalidArgument, "%s: crop must be a number above 0 and at most 1",
                flag ? "the flag" : "the model's metadata");
  }
  return crop;
}

}  // namespace

Result<PreprocessChoice> choose_preprocessing(std::string_view metadata_json, const PreprocessFlags& flags,
                                              DType input_dtype) {
  TRY_ASSIGN(const auto document, JsonDocument::parse(metadata_json));
  const Json metadata = document->root();

  PreprocessChoice choice;
  TRY_ASSIGN(const auto normalisation, choose_text(metadata, "normalisation", flags.normalisation));
  if (normalisation.value) {
    choice.normalisation = *normalisation.value;
  } else if (input_dtype == DType::I32) {
    choice.normalisation = "raw";
  } else {
    choice.normalisation = "pm1";
    choice.warning =
        "the model does not say which range its input has; assuming pm1 (-1 to 1). "
        "Give --normalisation unit|pm1|imagenet|raw if its answers look wrong.";
  }
  if (!normalisation_from_name(choice.normalisation, &choice.spec.normalisation)) {
    return fail(ErrorCode::InvalidArgument,
                "%s: no normalisation is called '%s'; known: unit, pm1, imagenet, raw", normalisation.source,
                choice.normalisation.c_str());
  }

  TRY_ASSIGN(const auto fit, choose_text(metadata, "fit", flags.fit));
  if (fit.value && !fit_from_name(*fit.value, &choice.spec.fit)) {
    return fail(ErrorCode::InvalidArgument, "%s: no fit is called '%s'; known: crop, stretch, letterbox",
                fit.source, fit.value->c_str());
  }
  TRY_ASSIGN(choice.spec.crop, choose_crop(metadata, flags.crop, choice.spec.crop));
  return choice;
}

}  // namespace linnet
