// The structs of abi.def, and the hash of its layout that the host must agree with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace linnet::abi {

using u32 = uint32_t;
using f32 = float;
using f64 = double;
using ptr = uint32_t;
static_assert(sizeof(void*) == sizeof(ptr), "the boundary is that of wasm32");

#define LINNET_ABI_CONSTANT(name, value) inline constexpr u32 name = value;
#define LINNET_ABI_STRUCT(name) struct name {
#define LINNET_ABI_FIELD(owner, type, name) type name;
#define LINNET_ABI_ARRAY(owner, type, name, count) type name[count];
#define LINNET_ABI_END(name) \
  }                          \
  ;
#include "abi/abi.def"

// FNV-1a.
constexpr u32 mix(u32 hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}
constexpr u32 mix(u32 hash, u32 number) {
  for (int byte = 0; byte < 4; ++byte) hash = (hash ^ ((number >> (8 * byte)) & 255u)) * 16777619u;
  return hash;
}

consteval u32 layout_hash() {
  u32 hash = 2166136261u;
#define LINNET_ABI_CONSTANT(name, value) hash = mix(mix(hash, #name), u32{value});
#define LINNET_ABI_STRUCT(name) hash = mix(mix(hash, #name), u32{sizeof(name)});
#define LINNET_ABI_FIELD(owner, type, name) hash = mix(mix(hash, #name #type), u32{offsetof(owner, name)});
#define LINNET_ABI_ARRAY(owner, type, name, count) \
  hash = mix(mix(mix(hash, #name #type), u32{offsetof(owner, name)}), u32{count});
#define LINNET_ABI_FUNCTION(result, name, arguments) hash = mix(hash, #result #name #arguments);
#define LINNET_ABI_IMPORT(result, name, arguments) hash = mix(hash, #result #name #arguments);
#define LINNET_ABI_THREAD_FUNCTION(result, name, arguments) hash = mix(hash, #result #name #arguments);
#define LINNET_ABI_LIVE_FUNCTION(result, name, arguments) hash = mix(hash, #result #name #arguments);
#define LINNET_ABI_GPU_FUNCTION(result, name, arguments) hash = mix(hash, #result #name #arguments);
#define LINNET_ABI_FRAME_FUNCTION(result, name, arguments) hash = mix(hash, #result #name #arguments);
#include "abi/abi.def"
#define LINNET_ERROR(name, number, title) hash = mix(mix(hash, #name), u32{number});
#include "base/errors.def"
#undef LINNET_ERROR
  return hash;
}

}  // namespace linnet::abi
