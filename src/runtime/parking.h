// Sleeping on a word and waking who sleeps there, natively and in WebAssembly.
#pragma once

#include <atomic>
#include <cstdint>

#if !defined(__wasm__)
#include <thread>
#endif

namespace linnet {

// Sleeps while `word` holds `value`; may wake early.
inline void sleep_on(std::atomic<uint32_t>& word, uint32_t value) {
#if defined(__wasm_atomics__)
  constexpr int64_t kForEver = -1;
  __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int32_t*>(&word), static_cast<int32_t>(value),
                                      kForEver);
#elif !defined(__wasm__)
  word.wait(value);
#else
  (void)word, (void)value;
#endif
}

inline void wake_all_on(std::atomic<uint32_t>& word) {
#if defined(__wasm_atomics__)
  __builtin_wasm_memory_atomic_notify(reinterpret_cast<int32_t*>(&word), 0xffffffffu);
#elif !defined(__wasm__)
  word.notify_all();
#else
  (void)word;
#endif
}

// Between two looks at a word that another thread will change soon.
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

// Lets other threads that are ready have this core, where that can be asked for.
inline void give_way() {
#if !defined(__wasm__)
  std::this_thread::yield();
#endif
}

}  // namespace linnet
