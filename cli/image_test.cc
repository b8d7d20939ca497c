#include "cli/image.h"

#include <gtest/gtest.h>
#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace linnet {
namespace {

using Bytes = std::vector<std::byte>;

Bytes to_bytes(const void* data, size_t size) {
  Bytes bytes(size);
  std::memcpy(bytes.data(), data, size);
  return bytes;
}

// Four quarters of one colour each, large enough for JPEG's blocks: red, green / blue, white.
Image quarters(int width, int height) {
  Image image{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height) * 4, 255)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool right = x >= width / 2, low = y >= height / 2;
      uint8_t* pixel = &image.rgba[static_cast<size_t>(y * width + x) * 4];
      pixel[0] = right == low ? 255 : 0;
      pixel[1] = right ? 255 : 0;
      pixel[2] = low ? 255 : 0;
    }
  }
  return image;
}

// The letter of the colour at a place: r, g, b, w or ?.
char colour(const Image& image, int x, int y) {
  const uint8_t* p = &image.rgba[static_cast<size_t>(y * image.width + x) * 4];
  const auto near = [](int value, int wanted) { return std::abs(value - wanted) < 24; };
  const auto is = [&](int r, int g, int b) {
    return near(p[0], r) && near(p[1], g) && near(p[2], b) && p[3] == 255;
  };
  return is(255, 0, 0) ? 'r' : is(0, 255, 0) ? 'g' : is(0, 0, 255) ? 'b' : is(255, 255, 255) ? 'w' : '?';
}

std::string corners(const Image& image) {
  const int right = image.width - 1, low = image.height - 1;
  return {colour(image, 0, 0), colour(image, right, 0), colour(image, 0, low), colour(image, right, low)};
}

// With EXIF of the given orientation and byte order where it is not 0.
Bytes encode_jpeg(const Image& image, int orientation = 0, bool little = true, bool cmyk = false) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = 4;
  info.in_color_space = cmyk ? JCS_CMYK : JCS_EXT_RGBX;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  jpeg_start_compress(&info, TRUE);
  if (orientation != 0) {
    std::string exif("Exif\0\0", 6);
    const auto put = [&](uint32_t value, int bytes) {
      for (int i = 0; i < bytes; ++i) {
        exif += static_cast<char>(value >> (8 * (little ? i : bytes - 1 - i)) & 255);
      }
    };
    exif += little ? "II" : "MM";
    put(42, 2), put(8, 4), put(2, 2);
    put(0x0100, 2), put(4, 2), put(1, 4), put(16, 4);
    put(0x0112, 2), put(3, 2), put(1, 4), put(static_cast<uint32_t>(orientation), 2), put(0, 2);
    put(0, 4);
    jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()),
                      static_cast<unsigned>(exif.size()));
  }
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<uint8_t*>(&image.rgba[info.next_scanline * info.image_width * 4]);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  Bytes bytes = to_bytes(buffer, size);
  std::free(buffer);
  return bytes;
}

Bytes encode_png(const Image& image) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGBA;
  png_alloc_size_t size = 0;
  EXPECT_TRUE(png_image_write_to_memory(&png, nullptr, &size, 0, image.rgba.data(), 0, nullptr));
  Bytes bytes(size);
  EXPECT_TRUE(png_image_write_to_memory(&png, bytes.data(), &size, 0, image.rgba.data(), 0, nullptr));
  return bytes;
}

Bytes encode_webp(const Image& image) {
  uint8_t* data = nullptr;
  const size_t size =
      WebPEncodeLosslessRGBA(image.rgba.data(), image.width, image.height, image.width * 4, &data);
  Bytes bytes = to_bytes(data, size);
  WebPFree(data);
  return bytes;
}

std::string error_of(const Bytes& bytes) {
  const auto image = decode_image(bytes);
  EXPECT_FALSE(image);
  if (image) return "";
  EXPECT_EQ(image.error().code(), ErrorCode::BadImage);
  return image.error().detail();
}

TEST(Image, PngAndWebpComeBackExactly) {
  Image image = quarters(37, 21);
  image.rgba[3] = 7;  // alpha is kept, and the colour under it
  for (const Bytes& bytes : {encode_png(image), encode_webp(image)}) {
    const auto decoded = decode_image(bytes);
    ASSERT_TRUE(decoded) << decoded.error().detail();
    EXPECT_EQ(decoded->width, 37);
    EXPECT_EQ(decoded->height, 21);
    EXPECT_EQ(decoded->rgba, image.rgba);
  }
}

TEST(Image, JpegIsTurnedUprightByItsExif) {
  // What the eight orientations do to the corners r g / b w.
  const char* const expected[] = {"rgbw", "rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"};
  const Image image = quarters(64, 32);
  for (int orientation = 0; orientation <= 8; ++orientation) {
    for (const bool little : {true, false}) {
      const auto decoded = decode_image(encode_jpeg(image, orientation, little));
      ASSERT_TRUE(decoded) << decoded.error().detail();
      EXPECT_EQ(decoded->width, orientation >= 5 ? 32 : 64);
      EXPECT_EQ(corners(*decoded), expected[orientation]) << orientation;
    }
  }
  const auto odd = decode_image(encode_jpeg(image, 99));
  ASSERT_TRUE(odd);
  EXPECT_EQ(corners(*odd), "rgbw");
}

TEST(Image, JpegInPrintColours) {
  // libjpeg writes Adobe's marker, and with it inverted ink: 255 is none.
  const auto decoded = decode_image(encode_jpeg(quarters(32, 32), 0, true, true));
  ASSERT_TRUE(decoded) << decoded.error().detail();
  EXPECT_EQ(corners(*decoded), "rgbw");
}

TEST(Image, TruncatedFilesAreErrors) {
  const Image image = quarters(40, 40);
  for (const Bytes& bytes : {encode_jpeg(image), encode_png(image), encode_webp(image)}) {
    // The last bytes of a JPEG and a PNG only end it: without them the picture is whole.
    for (size_t length = 0; length + 20 < bytes.size(); length += 7) {
      const Bytes part(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length));
      EXPECT_NE(error_of(part), "") << length << " of " << bytes.size();
    }
  }
}

TEST(Image, DamagedFilesNeverCrash) {
  const Image image = quarters(24, 24);
  for (const Bytes& bytes : {encode_jpeg(image, 6), encode_png(image), encode_webp(image)}) {
    for (size_t at = 0; at < bytes.size(); ++at) {
      Bytes damaged = bytes;
      damaged[at] ^= std::byte{0x55};
      const auto decoded = decode_image(damaged);
      if (decoded) {
        EXPECT_EQ(decoded->rgba.size(),
                  static_cast<size_t>(decoded->width) * static_cast<size_t>(decoded->height) * 4);
      }
    }
  }
}

TEST(Image, OtherFilesAreErrors) {
  const auto text = [](std::string_view content) { return to_bytes(content.data(), content.size()); };
  EXPECT_EQ(error_of({}), "the file is empty");
  EXPECT_EQ(error_of(text("GIF89a...")), "not a JPEG, PNG or WebP image");
  EXPECT_EQ(error_of(text("{\"model\": 1}")), "not a JPEG, PNG or WebP image");
  EXPECT_NE(error_of(text("\xff\xd8\xff rest")), "");
  EXPECT_NE(error_of(text("\x89PNG\r\n\x1a\n")), "");
  EXPECT_NE(error_of(text("RIFF\x08\0\0\0WEBPVP8 ")), "");
}

TEST(Image, SizesThatAreNoneOrAbsurdAreErrors) {
  // The width and height of a PNG's header, its checksum not mended: libpng checks that first or the size;
  // both fail.
  for (const uint8_t high : {uint8_t{0}, uint8_t{0x7f}}) {
    Bytes png = encode_png(quarters(8, 8));
    for (size_t i = 16; i < 24; ++i) png[i] = std::byte{high};
    EXPECT_NE(error_of(png), "");
  }
  // The height and width of a JPEG's frame header.
  for (const uint8_t value : {uint8_t{0}, uint8_t{0xf0}}) {
    Bytes jpeg = encode_jpeg(quarters(8, 8));
    size_t frame = 0;
    while (jpeg[frame] != std::byte{0xff} || jpeg[frame + 1] != std::byte{0xc0}) ++frame;
    for (size_t i = frame + 5; i < frame + 9; ++i) jpeg[i] = std::byte{value};
    EXPECT_NE(error_of(jpeg), "");
  }
  const auto large = decode_image(encode_png(quarters(Preprocessor::kMaxSide + 2, 2)));
  ASSERT_FALSE(large);
  EXPECT_NE(std::string_view(large.error().detail()).find("16386 x 2"), std::string_view::npos);
}

}  // namespace
}  // namespace linnet
