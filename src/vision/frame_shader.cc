#include "vision/frame_shader.h"

#include "backends/gpu/text.h"
#include "vision/axis.h"

namespace linnet {

namespace {

// $0: writes the pixel; $1: bits of weights; $2: the tile; $3: half of a weight of 1; $4, $5: width and
// height of the input; $6: its place in words; $7: its channels.
constexpr char kShared[] = R"(struct Tables {
  origin: vec2u,
  lines: u32,
  unused: u32,
  to: vec2u,
  size: vec2u,
  scale: vec3f,
  taps_x: u32,
  offset: vec3f,
  taps_y: u32,
  words: array<u32>,
}
@group(0) @binding(0) var<storage, read_write> arena: array<u32>;
@group(0) @binding(1) var<storage, read> t: Tables;
@group(0) @binding(2) var<storage, read_write> lines: array<u32>;
fn bytes(sum: vec3u) -> vec3u { return min((sum + $3u) >> vec3u($1), vec3u(255)); }
@compute @workgroup_size($2, $2) fn fill(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= $4 || id.y >= $5) { return; }
  let at = id.xy - t.to;
  var rgb = vec3u();
  if (at.x < t.size.x && at.y < t.size.y) {
    let first = t.words[t.size.x + at.y];
    let weight = t.size.x + t.size.y + t.size.x * t.taps_x + at.y * t.taps_y;
    for (var k = 0u; k < t.taps_y; k++) {
      let pixel = vec3u(lines[(first + k) * t.size.x + at.x]);
      rgb += t.words[weight + k] * ((pixel >> vec3u(0, 8, 16)) & vec3u(255));
    }
    rgb = bytes(rgb);
  }
  let e = $6 + (id.y * $4 + id.x) * $7;
$0}
)";

// $0: the texture's type; $1: what follows the place in a load; $2: the tile; $3: takes out alpha.
constexpr char kResize[] = R"(@group(1) @binding(0) var image: $0;
@compute @workgroup_size($2, $2) fn resize(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= t.size.x || id.y >= t.lines) { return; }
  let first = t.origin + vec2u(t.words[id.x], id.y);
  let weight = t.size.x + t.size.y + id.x * t.taps_x;
  var rgb = vec3u();
  for (var k = 0u; k < t.taps_x; k++) {
    let pixel = textureLoad(image, first + vec2u(k, 0)$1);
    rgb += t.words[weight + k] * vec3u(saturate(pixel.rgb$3) * 255 + 0.5);
  }
  rgb = bytes(rgb);
  lines[id.y * t.size.x + id.x] = rgb.x | (rgb.y << 8) | (rgb.z << 16);
}
)";

}  // namespace

std::string frame_shader(const ImageTarget& input, uint64_t place, bool external) {
  const Shape& shape = input.shape;
  const bool whole = input.dtype == DType::I32;
  if (!whole && input.dtype != DType::F32) return {};
  // Halves are rounded away from zero.
  const char* encode = whole ? "i32(sign(v) * floor(abs(v) + 0.5))" : "v";
  std::string write;
  if (shape[3] == 1) {
    write = "  let v = dot(vec3f(rgb), vec3f(.299, .587, .114)) * t.scale.x + t.offset.x;\n";
    gpu::append(write, "  arena[e] = bitcast<u32>($0);\n", {encode});
  } else {
    write = "  var v = vec3f(rgb) * t.scale + t.offset;\n";
    if (whole) encode = "vec3i(sign(v) * floor(abs(v) + 0.5))";
    gpu::append(write, "  let bits = bitcast<vec3u>($0);\n", {encode});
    for (uint32_t c = 0; c < 3; ++c) gpu::append(write, "  arena[e + $0] = bits[$0];\n", {c});
  }
  std::string text = gpu::text_of(
      kShared, {write, Axis::kWeightBits, kFrameTile, 1u << (Axis::kWeightBits - 1),
                static_cast<uint32_t>(shape[2]), static_cast<uint32_t>(shape[1]),
                static_cast<uint32_t>(place / sizeof(uint32_t)), static_cast<uint32_t>(shape[3])});
  gpu::append(text, kResize,
              {external ? "texture_external" : "texture_2d<f32>", external ? "" : ", 0", kFrameTile,
               external ? "" : " / max(pixel.a, 1e-3)"});
  return text;
}

}  // namespace linnet
