// Addresses in the module's memory, as the host has them.
#pragma once

#include <cstdint>
#include <string_view>

#include "abi/layout.h"

namespace linnet::abi {

inline ptr address(const void* memory) {
  return reinterpret_cast<uintptr_t>(memory);
}

template <class T>
T* at(ptr place) {
  return reinterpret_cast<T*>(static_cast<uintptr_t>(place));
}

inline std::string_view text_at(ptr place, u32 bytes) {
  return {at<const char>(place), bytes};
}

}  // namespace linnet::abi
