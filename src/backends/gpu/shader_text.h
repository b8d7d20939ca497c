// Shaders are written once, in a dialect between WGSL and GLSL ES 3.0, and translated to either.
//
// The dialect is what both languages share (u32, i32, f32, vec4f, vec4i and vec4u name types in both;
// literals are 1u, 1, 1.0; select(a, b, c) of i32 is b where c), plus two marks for what they do not:
//   @fn vec4f name(u32 a, f32 b) {     a function
//   @u32 name = value;                 a variable
#pragma once

#include <string>
#include <string_view>

namespace linnet::gpu {

enum class Dialect : uint8_t { Wgsl, Glsl };

std::string translate(Dialect dialect, std::string_view text);

// What GLSL text needs in front for the dialect's names to mean what they do in WGSL.
std::string_view glsl_prologue();

}  // namespace linnet::gpu
