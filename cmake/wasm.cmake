# linnet.wasm: the engine and its exports as a reactor, one module for each variant (see CMakePresets.json).
add_executable(linnet src/abi/abort.cc src/abi/c_strings.cc src/abi/exports.cc src/abi/heap.cc src/abi/host_blocks.cc
               src/abi/image_spec.cc)
target_link_libraries(linnet PRIVATE linnet_engine)
# The thread pool of WebAssembly exports its helpers' entry, which nothing inside the module calls.
target_compile_options(linnet_flags INTERFACE -fno-threadsafe-statics -ffunction-sections -fdata-sections)

# Only kernels and what runs for every frame are worth large code; the rest runs once for each model and is downloaded.
set(small_sources ${engine_sources} src/abi/abort.cc src/abi/exports.cc src/abi/frame_exports.cc src/abi/gpu_exports.cc
    src/abi/host_blocks.cc src/abi/image_spec.cc)
list(FILTER small_sources EXCLUDE REGEX "/src/(simd/|backends/cpu/kernels/|runtime/|vision/rows)")
foreach(once compile compile_gpu profile session thread_choice)
  list(APPEND small_sources ${PROJECT_SOURCE_DIR}/src/runtime/${once}.cc)
endforeach()
# Optimised together at link time, which drops what no caller needs. Kernels keep the code that they were compiled to.
set_source_files_properties(${small_sources} PROPERTIES COMPILE_OPTIONS "-Oz;-flto")
# Kernels that wait for memory, or are a small part of any model's time, and the threads' waiting: unrolling them would
# only cost bytes.
set(short batch_matmul copy kernel_table layer_norm pool quantized_windows reduce resize_bilinear row_chain softmax)
list(TRANSFORM short PREPEND ${PROJECT_SOURCE_DIR}/src/backends/cpu/kernels/)
list(TRANSFORM short APPEND .cc)
list(APPEND short ${PROJECT_SOURCE_DIR}/src/runtime/team.cc ${PROJECT_SOURCE_DIR}/src/runtime/thread_pool.cc)
# Nor may the optimiser at link time see how the C library's functions are made.
list(APPEND short ${PROJECT_SOURCE_DIR}/src/abi/heap.cc)
set_source_files_properties(${short} PROPERTIES COMPILE_OPTIONS "-Oz")
# Nor may it take their loops for calls of themselves.
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/abi/c_strings.cc PROPERTIES COMPILE_OPTIONS "-Oz;-fno-builtin")
# Loops that are as long as they should be in the source.
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/backends/cpu/kernels/depthwise.cc
  ${PROJECT_SOURCE_DIR}/src/backends/cpu/kernels/gemm.cc PROPERTIES COMPILE_OPTIONS "-O2")
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/backends/cpu/kernels/program.cc
  ${PROJECT_SOURCE_DIR}/src/backends/cpu/kernels/dynamic_gemm.cc ${PROJECT_SOURCE_DIR}/src/vision/rows.cc
  PROPERTIES COMPILE_OPTIONS "-O2;-fno-unroll-loops")
# -O0 is for clang's driver alone: it would run any wasm-opt on the path, and Debian's refuses relaxed SIMD.
target_link_options(linnet_flags INTERFACE -O0)
# A function that has one caller is still inlined; more inlining costs more bytes than it saves.
set(link_small -Wl,--gc-sections,--strip-all,-O3,--compress-relocations,-mllvm,-enable-merge-functions,-mllvm,-inline-threshold=-60)
# Modules as pages load them: binaryen's wasm-opt, of the version in package-lock.json, takes 6 % off what the linker
# writes. Where the scripts' packages are not installed, all else builds without it. Hints of alignment mean nothing to
# engines, and are left out where there are no atomics, which need theirs; the lowest kilobyte is the stack's last.
add_custom_target(shipped_modules)
function(ship target)
  set(shipped ${CMAKE_BINARY_DIR}/shipped/${target}.wasm)
  add_custom_command(OUTPUT ${shipped} DEPENDS ${target} VERBATIM COMMAND_EXPAND_LISTS
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/shipped
    COMMAND ${PROJECT_SOURCE_DIR}/node_modules/.bin/wasm-opt $<$<NOT:$<BOOL:${LINNET_WASM_THREADS}>>:--dealign>
      --low-memory-unused -Oz --one-caller-inline-max-function-size=0 --converge
      $<TARGET_FILE:${target}> -o ${shipped}
      --enable-simd $<$<BOOL:${LINNET_WASM_RELAXED}>:--enable-relaxed-simd>
      $<$<BOOL:${LINNET_WASM_THREADS}>:--enable-threads>
      --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals)
  add_custom_target(${target}_shipped DEPENDS ${shipped})
  add_dependencies(shipped_modules ${target}_shipped)
endfunction()
ship(linnet)
# The stack lies first, so that overflowing it traps in place of overwriting data.
target_link_options(linnet PRIVATE
  -mexec-model=reactor -Wl,--stack-first,-z,stack-size=1048576
  ${link_small})

if(LINNET_WASM_THREADS)
  file(STRINGS src/abi/abi.def pages REGEX "^LINNET_ABI_CONSTANT\\(k(Initial|Maximum)Pages")
  string(REGEX REPLACE ".*kInitialPages, ([0-9]+).*" "\\1" initial_pages "${pages}")
  string(REGEX REPLACE ".*kMaximumPages, ([0-9]+).*" "\\1" maximum_pages "${pages}")
  math(EXPR initial_bytes "${initial_pages} * 65536")
  math(EXPR maximum_bytes "${maximum_pages} * 65536")
  # Debian's libc is built without atomics and is not thread-safe: only the owner's thread may allocate, and lld has to
  # be told that this is meant (--no-check-features).
  target_link_options(linnet PRIVATE
    -Wl,--import-memory,--shared-memory,--no-check-features
    -Wl,--initial-memory=${initial_bytes},--max-memory=${maximum_bytes}
    -Wl,--export=__stack_pointer,--export=__wasm_init_tls,--export=__tls_size,--export=__tls_align)
endif()

# linnet-live.wasm: the ladder, for the page's own thread. It has no heap, so it does without a start and imports nothing.
if(NOT LINNET_WASM_RELAXED AND NOT LINNET_WASM_THREADS)
  file(GLOB live_sources CONFIGURE_DEPENDS src/live/*.cc)
  list(FILTER live_sources EXCLUDE REGEX "_(test|fuzz)\\.cc$")
  add_executable(linnet-live ${live_sources} src/abi/live_exports.cc)
  target_include_directories(linnet-live PRIVATE src)
  target_link_libraries(linnet-live PRIVATE linnet_flags)
  target_compile_options(linnet-live PRIVATE -Oz)
  target_link_options(linnet-live PRIVATE
    -nostartfiles -Wl,--no-entry,--stack-first,-z,stack-size=16384 -Wl,--gc-sections,--strip-all,-O3)
  ship(linnet-live)
endif()

# Further modules, each of exports and what they need of the engine.
function(add_module target stack_bytes)
  add_executable(${target} src/abi/abort.cc src/abi/c_strings.cc src/abi/heap.cc ${ARGN})
  target_link_libraries(${target} PRIVATE linnet_engine)
  target_link_options(${target} PRIVATE
    -mexec-model=reactor -Wl,--stack-first,-z,stack-size=${stack_bytes}
    ${link_small})
  ship(${target})
endfunction()
if(NOT LINNET_WASM_RELAXED AND NOT LINNET_WASM_THREADS)
  # Compiles graphs that the engine hands over for GPUs. It has neither formats nor passes nor kernels.
  add_module(linnet-gpu 1048576 src/abi/gpu_exports.cc)
  # What fills an input from images on WebGPU.
  add_module(linnet-frames 65536 src/abi/frame_exports.cc src/abi/image_spec.cc)
endif()

# The op suite as a WASI command. Only the ops' own files hold cases; theirs here come before the engine's.
file(GLOB op_sources CONFIGURE_DEPENDS src/ops/*.cc)
list(FILTER op_sources EXCLUDE REGEX "_(test|fuzz)\\.cc$")
add_library(linnet_ops_with_cases STATIC EXCLUDE_FROM_ALL ${op_sources})
target_compile_definitions(linnet_ops_with_cases PRIVATE LINNET_OP_CASES)
target_link_libraries(linnet_ops_with_cases PUBLIC linnet_engine)
add_executable(linnet_optest EXCLUDE_FROM_ALL tests/ops/optest.cc tests/ops/op_cases.cc tests/ops/chain_cases.cc
               tests/ops/image_cases.cc tests/ops/gpu_plans.cc)
target_include_directories(linnet_optest PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(linnet_optest PRIVATE linnet_ops_with_cases)
if(LINNET_WASM_THREADS)
  target_link_options(linnet_optest PRIVATE
    -Wl,--import-memory,--shared-memory,--no-check-features
    -Wl,--initial-memory=${initial_bytes},--max-memory=${maximum_bytes})
endif()

# The kernel families' times as a WASI command, and what this machine's core can do at most, for bench/.
add_executable(linnet_kernels EXCLUDE_FROM_ALL bench/kernels.cc bench/kernel_cases.cc)
target_include_directories(linnet_kernels PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(linnet_kernels PRIVATE linnet_engine)
if(LINNET_WASM_RELAXED AND NOT LINNET_WASM_THREADS)
  add_executable(linnet_peak EXCLUDE_FROM_ALL bench/peak.cc)
  target_include_directories(linnet_peak PRIVATE ${PROJECT_SOURCE_DIR} src)
  target_link_libraries(linnet_peak PRIVATE linnet_flags)
  target_link_options(linnet_peak PRIVATE -mexec-model=reactor -Wl,--strip-all)
endif()
