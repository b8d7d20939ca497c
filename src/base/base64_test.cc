#include "base/base64.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

// The vectors of RFC 4648, section 10.
TEST(Base64, DecodesTheVectorsOfTheStandard) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"Zg==", "f"},
                                                       {"Zm8=", "fo"},
                                                       {"Zm9v", "foo"},
                                                       {"Zm9vYg==", "foob"},
                                                       {"Zm9vYmE=", "fooba"},
                                                       {"Zm9vYmFy", "foobar"}};
  for (const auto& [text, bytes] : cases) {
    EXPECT_EQ(decode_base64(text), bytes) << text;
    EXPECT_EQ(encode_base64(bytes), text);
  }
}

TEST(Base64, TakesMissingPadding) {
  EXPECT_EQ(decode_base64("Zm9vYg"), "foob");
}

TEST(Base64, DecodesAllBits) {
  EXPECT_EQ(decode_base64("/+8A"), std::string("\xff\xef\0", 3));
  EXPECT_EQ(encode_base64(std::string_view("\xff\xef\0", 3)), "/+8A");
}

TEST(Base64, RefusesWhatIsNotBase64) {
  for (const char* text : {"Z", "Zm9v!", "Zm=v", "Zg===", "Zm9 vYmFy"})
    EXPECT_FALSE(decode_base64(text)) << text;
}

}  // namespace
}  // namespace linnet
