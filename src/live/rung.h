// The rungs of the ladder: the backends that can answer.
#pragma once

#include <cstdint>
#include <string_view>

namespace linnet {

enum class Rung : uint8_t { Wasm, WebGl2, WebGpu };
inline constexpr int kRungCount = 3;

// For people.
constexpr std::string_view rung_title(Rung rung) {
  constexpr std::string_view titles[] = {"WASM", "WebGL2", "WebGPU"};
  return titles[static_cast<int>(rung)];
}

// For programs: "wasm", "webgl2", "webgpu".
constexpr std::string_view rung_name(Rung rung) {
  constexpr std::string_view names[] = {"wasm", "webgl2", "webgpu"};
  return names[static_cast<int>(rung)];
}

constexpr uint32_t rung_bit(Rung rung) {
  return 1u << static_cast<int>(rung);
}

}  // namespace linnet
