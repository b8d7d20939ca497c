// The functions of the module for images on WebGPU: what fills one input from images of one size.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "abi/image_spec.h"
#include "abi/layout.h"
#include "abi/memory.h"
#include "vision/frame_shader.h"
#include "vision/frame_tables.h"

namespace linnet::abi {
namespace {

static_assert(kFrameTile == linnet::kFrameTile);

struct Frames {
  ImageSpec image{};
  char names[kFrameNameBytes];
  FrameSetup setup{};
  std::vector<u32> words;
  std::string shader;
};

[[clang::no_destroy]] Frames frames;

Result<u32> compile() {
  FrameSetup& setup = frames.setup;
  const ImageTarget input = {static_cast<DType>(setup.dtype),
                             Shape::of_checked({reinterpret_cast<const int32_t*>(setup.dims), setup.rank})};
  TRY_ASSIGN(const PreprocessSpec spec, preprocess_spec(frames.image));
  TRY_ASSIGN(frames.words, frame_tables(static_cast<int>(frames.image.width),
                                        static_cast<int>(frames.image.height), input, spec));
  frames.shader = frame_shader(input, setup.place, setup.external != 0);
  if (frames.shader.empty()) return 0;
  FrameHeader header;
  std::memcpy(&header, frames.words.data(), sizeof header);
  setup.words = address(frames.words.data());
  setup.word_count = static_cast<u32>(frames.words.size());
  setup.width = header.to_width;
  setup.lines = header.lines;
  setup.shader = address(frames.shader.data());
  setup.shader_bytes = static_cast<u32>(frames.shader.size());
  return 1;
}

}  // namespace

#define LINNET_ABI_FRAME_FUNCTION(result, name, arguments) \
  extern "C" __attribute__((export_name(#name))) result linnet_##name arguments;
#include "abi/abi.def"

u32 linnet_frame_abi_hash() {
  return layout_hash();
}

ptr linnet_frame_setup() {
  frames.setup.image = address(&frames.image);
  frames.setup.names = address(frames.names);
  return address(&frames.setup);
}

u32 linnet_frame_compile() {
  return compile().value_or(0);
}

}  // namespace linnet::abi
