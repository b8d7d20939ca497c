// Generational handles: a u32 that names an object across the WebAssembly boundary and is known to be stale
// after it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace linnet {

// Maps handles to owned objects. 0 is never a handle. A removed object's handle stays invalid until its slot
// has been reused 4096 times.
template <class T>
class HandleTable {
 public:
  uint32_t add(std::unique_ptr<T> object) {
    uint32_t slot = 0;
    while (slot < slots_.size() && slots_[slot].object) ++slot;
    if (slot == slots_.size()) slots_.emplace_back();
    slots_[slot].object = std::move(object);
    return (slots_[slot].generation << kSlotBits) | (slot + 1);
  }

  // The object, or nullptr when the handle is stale or made up.
  T* get(uint32_t handle) {
    const uint32_t slot = (handle & kSlotMask) - 1;
    if (slot >= slots_.size() || slots_[slot].generation != handle >> kSlotBits) return nullptr;
    return slots_[slot].object.get();
  }

  // Removes the object; false when there was none.
  bool remove(uint32_t handle) {
    if (get(handle) == nullptr) return false;
    Slot& slot = slots_[(handle & kSlotMask) - 1];
    slot.object.reset();
    slot.generation = (slot.generation + 1) & (0xffffffffu >> kSlotBits);
    return true;
  }

  uint32_t live() const {
    uint32_t count = 0;
    for (const Slot& slot : slots_) count += slot.object != nullptr;
    return count;
  }

 private:
  static constexpr uint32_t kSlotBits = 20;
  static constexpr uint32_t kSlotMask = (1u << kSlotBits) - 1;
  struct Slot {
    std::unique_ptr<T> object;
    uint32_t generation = 0;
  };
  std::vector<Slot> slots_;
};

}  // namespace linnet
