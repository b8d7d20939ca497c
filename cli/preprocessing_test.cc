#include "cli/preprocessing.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

TEST(Preprocessing, MetadataDecide) {
  const auto choice =
      choose_preprocessing(R"({"normalisation": "imagenet", "fit": "stretch", "crop": 0.5})", {}, DType::F32);
  ASSERT_TRUE(choice) << choice.error().detail();
  EXPECT_EQ(choice->normalisation, "imagenet");
  EXPECT_NEAR(choice->spec.normalisation.offset[0], -0.485 / 0.229, 1e-6);
  EXPECT_EQ(choice->spec.fit, Fit::Stretch);
  EXPECT_EQ(choice->spec.crop, 0.5f);
  EXPECT_TRUE(choice->warning.empty());
}

TEST(Preprocessing, FlagsOverrideMetadata) {
  const auto choice =
      choose_preprocessing(R"({"normalisation": 3, "fit": "no", "crop": "x"})",
                           {.normalisation = "raw", .fit = "letterbox", .crop = 1.0f}, DType::F32);
  ASSERT_TRUE(choice) << choice.error().detail();
  EXPECT_EQ(choice->normalisation, "raw");
  EXPECT_EQ(choice->spec.normalisation.scale[0], 1);
  EXPECT_EQ(choice->spec.fit, Fit::Letterbox);
  EXPECT_EQ(choice->spec.crop, 1);
}

TEST(Preprocessing, AssumptionsAreSaid) {
  for (const char* metadata : {"{}", R"({"normalisation": null})"}) {
    const auto choice = choose_preprocessing(metadata, {}, DType::F32);
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->normalisation, "pm1");
    EXPECT_NE(choice->warning.find("--normalisation"), std::string::npos);
    EXPECT_EQ(choice->spec.fit, Fit::Crop);
    EXPECT_EQ(choice->spec.crop, 0.875f);
  }
  const auto whole = choose_preprocessing("{}", {}, DType::I32);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->normalisation, "raw");
  EXPECT_TRUE(whole->warning.empty());
}

TEST(Preprocessing, UnknownValuesAreErrors) {
  const auto code = [](const char* metadata, const PreprocessFlags& flags) {
    const auto choice = choose_preprocessing(metadata, flags, DType::F32);
    EXPECT_FALSE(choice) << metadata;
    return choice ? ErrorCode::BadHandle : choice.error().code();
  };
  EXPECT_EQ(code(R"({"normalisation": "caffe"})", {}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(R"({"normalisation": 1})", {}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(R"({"fit": "zoom"})", {}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(R"({"crop": 0})", {}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(R"({"crop": "half"})", {}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("{}", {.normalisation = {}, .fit = {}, .crop = 1.01f}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("{}", {.normalisation = {}, .fit = "zoom", .crop = {}}), ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace linnet
