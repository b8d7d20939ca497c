#include "cli/image.h"

#include <png.h>
#include <webp/decode.h>

#include <cctype>
#include <cstdio>
#include <cstring>

// These want <cstdio> before them.
#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>

#include "cli/io.h"

namespace linnet {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{256} << 20;
constexpr uint64_t kMaxPixels = 100'000'000;

using Bytes = std::span<const std::byte>;

const uint8_t* raw(Bytes bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

Result<void> allocate(Image& image, uint64_t width, uint64_t height) {
  if (width == 0 || height == 0) return fail(ErrorCode::BadImage, "an image without pixels");
  if (width > Preprocessor::kMaxSide || height > Preprocessor::kMaxSide || width * height > kMaxPixels) {
    return fail(ErrorCode::BadImage, "%llu x %llu pixels; at most %d on a side and %llu in all are accepted",
                static_cast<unsigned long long>(width), static_cast<unsigned long long>(height),
                Preprocessor::kMaxSide, static_cast<unsigned long long>(kMaxPixels));
  }
  image.width = static_cast<int>(width);
  image.height = static_cast<int>(height);
  image.rgba.resize(width * height * 4);
  return {};
}

// --- JPEG ---

// libjpeg reports errors through these and expects error_exit not to return.
struct JpegErrors {
  jpeg_error_mgr manager;  // first, so that a jpeg_error_mgr* is a JpegErrors*
  jmp_buf escape;
  char message[JMSG_LENGTH_MAX];
};

void jpeg_fail(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->message);
  longjmp(errors->escape, 1);
}

// libjpeg only warns of a truncated image and fills it up with grey, for as many pixels as its header claims.
void jpeg_warn(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  if (level >= 0 || (code != JWRN_JPEG_EOF && code != JWRN_HIT_MARKER)) return;
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  std::snprintf(errors->message, sizeof errors->message, "the data end early or are damaged");
  longjmp(errors->escape, 1);
}

// The orientation of an EXIF block, 1 to 8; 1, as stored, where it says nothing valid.
int exif_orientation(const uint8_t* data, size_t size) {
  constexpr uint8_t kMagic[6] = {'E', 'x', 'i', 'f', 0, 0};
  if (size < 14 || std::memcmp(data, kMagic, sizeof kMagic) != 0) return 1;
  data += sizeof kMagic;
  size -= sizeof kMagic;
  const bool little = data[0] == 'I';
  const auto u16 = [&](size_t at) -> uint32_t {
    return little ? data[at] | data[at + 1] << 8 : data[at] << 8 | data[at + 1];
  };
  const auto u32 = [&](size_t at) -> uint32_t {
    return little ? u16(at) | u16(at + 2) << 16 : u16(at) << 16 | u16(at + 2);
  };
  const size_t directory = u32(4);
  if (directory > size || size - directory < 2) return 1;
  const size_t entries = u16(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * 12;
    if (entry > size || size - entry < 12) return 1;
    constexpr uint32_t kOrientation = 0x0112, kShort = 3;
    if (u16(entry) != kOrientation || u16(entry + 2) != kShort) continue;
    const uint32_t value = u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

// Turns the stored picture upright.
Image oriented(Image stored, int orientation) {
  if (orientation == 1) return stored;
  const bool transposed = orientation >= 5;
  const bool mirrored = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flipped = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image image;
  image.width = transposed ? stored.height : stored.width;
  image.height = transposed ? stored.width : stored.height;
  image.rgba.resize(stored.rgba.size());
  uint8_t* out = image.rgba.data();
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x, out += 4) {
      int column = transposed ? y : x;
      int row = transposed ? x : y;
      if (mirrored) column = stored.width - 1 - column;
      if (flipped) row = stored.height - 1 - row;
      const size_t at =
          static_cast<size_t>(row) * static_cast<size_t>(stored.width) + static_cast<size_t>(column);
      std::memcpy(out, &stored.rgba[at * 4], 4);
    }
  }
  return image;
}

// libjpeg turns all colour spaces to RGBA but those of print, which this does. Adobe stores ink inverted.
void cmyk_to_rgba(uint8_t* row, int width, bool inverted) {
  for (int x = 0; x < width; ++x, row += 4) {
    const int black = inverted ? row[3] : 255 - row[3];
    for (int c = 0; c < 3; ++c)
      row[c] = static_cast<uint8_t>((inverted ? row[c] : 255 - row[c]) * black / 255);
    row[3] = 255;
  }
}

// Everything that must outlive a longjmp, or be freed after one.
struct JpegReader {
  jpeg_decompress_struct info{};
  JpegErrors errors{};
  Image image;
  int orientation = 1;
  Result<void> size_check;

  ~JpegReader() { jpeg_destroy_decompress(&info); }

  // False after an error, which then stands in `errors.message`. Holds no object with a destructor, as setjmp
  // asks.
  bool read(Bytes bytes) {
    info.err = jpeg_std_error(&errors.manager);
    errors.manager.error_exit = jpeg_fail;
    errors.manager.emit_message = jpeg_warn;
    if (setjmp(errors.escape) != 0) return false;
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, raw(bytes), static_cast<unsigned long>(bytes.size()));
    jpeg_save_markers(&info, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&info, TRUE);
    for (auto* marker = info.marker_list; marker != nullptr; marker = marker->next) {
      if (orientation == 1) orientation = exif_orientation(marker->data, marker->data_length);
    }
    size_check = allocate(image, info.image_width, info.image_height);
    if (!size_check) return true;
    const bool cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
    info.out_color_space = cmyk ? JCS_CMYK : JCS_EXT_RGBA;
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
      uint8_t* row = &image.rgba[static_cast<size_t>(info.output_scanline) * info.output_width * 4];
      jpeg_read_scanlines(&info, &row, 1);
      if (cmyk) cmyk_to_rgba(row, image.width, info.saw_Adobe_marker != 0);
    }
    jpeg_finish_decompress(&info);
    return true;
  }
};

Result<Image> decode_jpeg(Bytes bytes) {
  JpegReader reader;
  if (!reader.read(bytes)) return fail(ErrorCode::BadImage, "JPEG: %s", reader.errors.message);
  TRY(std::move(reader.size_check));
  return oriented(std::move(reader.image), reader.orientation);
}

// --- PNG ---

Result<Image> decode_png(Bytes bytes) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  struct Release {
    png_image* image;
    ~Release() { png_image_free(image); }
  } release{&png};
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size())) {
    return fail(ErrorCode::BadImage, "PNG: %s", png.message);
  }
  Image image;
  TRY(allocate(image, png.width, png.height));
  png.format = PNG_FORMAT_RGBA;
  if (!png_image_finish_read(&png, nullptr, image.rgba.data(), 0, nullptr)) {
    return fail(ErrorCode::BadImage, "PNG: %s", png.message);
  }
  return image;
}

// --- WebP ---

Result<Image> decode_webp(Bytes bytes) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config))
    return fail(ErrorCode::BadImage, "WebP: the library's version does not fit");
  const auto check = [](VP8StatusCode status) -> Result<void> {
    if (status == VP8_STATUS_OK) return {};
    const bool early = status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED;
    return fail(ErrorCode::BadImage, early ? "WebP: the data end early" : "WebP: the data are damaged");
  };
  TRY(check(WebPGetFeatures(raw(bytes), bytes.size(), &config.input)));
  if (config.input.has_animation) return fail(ErrorCode::BadImage, "WebP: an animation; give a still image");
  Image image;
  TRY(allocate(image, static_cast<uint64_t>(config.input.width), static_cast<uint64_t>(config.input.height)));
  config.output.colorspace = MODE_RGBA;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.rgba.data(), image.width * 4, image.rgba.size()};
  TRY(check(WebPDecode(raw(bytes), bytes.size(), &config)));
  return image;
}

}  // namespace

Result<Image> decode_image(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.empty()) return fail(ErrorCode::BadImage, "the file is empty");
  if (text.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes);
  if (text.starts_with("\x89PNG")) return decode_png(bytes);
  if (text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WEBP") return decode_webp(bytes);
  return fail(ErrorCode::BadImage, "not a JPEG, PNG or WebP image");
}

Result<Image> read_image(const std::string& location) {
  TRY_ASSIGN(const Buffer bytes, read_location(location, kMaxFileBytes));
  auto image = decode_image(bytes.bytes());
  if (!image) return std::unexpected(image.error().within(location));
  return image;
}

}  // namespace linnet
