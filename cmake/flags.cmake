# Flags that every target shares, as an interface library.
add_library(linnet_flags INTERFACE)
target_compile_options(linnet_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror -fno-math-errno -ffp-contract=off)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

# RapidJSON is headers only. WebAssembly builds may not see the rest of /usr/include, so they get a folder with it alone.
find_path(RAPIDJSON_ROOT rapidjson/document.h PATHS /usr/include NO_CMAKE_FIND_ROOT_PATH REQUIRED)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include)
file(CREATE_LINK ${RAPIDJSON_ROOT}/rapidjson ${CMAKE_BINARY_DIR}/include/rapidjson SYMBOLIC)
target_include_directories(linnet_flags SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/include)

# Eigen too; only src/compress uses it, natively.
if(NOT CMAKE_SYSTEM_NAME STREQUAL "WASI")
  find_path(EIGEN_ROOT Eigen/Core PATHS /usr/include/eigen3 REQUIRED)
  file(CREATE_LINK ${EIGEN_ROOT}/Eigen ${CMAKE_BINARY_DIR}/include/Eigen SYMBOLIC)
endif()

if(CMAKE_SYSTEM_NAME STREQUAL "WASI")
  target_compile_options(linnet_flags INTERFACE
    -O3 -fno-exceptions -fno-rtti -msimd128 -mbulk-memory -mnontrapping-fptoint -fvisibility=hidden
    $<$<BOOL:${LINNET_WASM_RELAXED}>:-mrelaxed-simd>
    $<$<BOOL:${LINNET_WASM_THREADS}>:-matomics>)
else()
  # The engine and its tests do without exceptions as in the browser; the command's libraries need them.
  target_compile_options(linnet_flags INTERFACE -pthread)
  if(LINNET_NATIVE_ARCH)
    target_compile_options(linnet_flags INTERFACE -march=${LINNET_NATIVE_ARCH})
  endif()
  target_compile_definitions(linnet_flags INTERFACE LINNET_OP_CASES)
  target_link_options(linnet_flags INTERFACE -pthread -fuse-ld=lld-19)
  if(LINNET_SANITIZE)
    target_compile_options(linnet_flags INTERFACE
      -fsanitize=${LINNET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(linnet_flags INTERFACE -fsanitize=${LINNET_SANITIZE})
  endif()
  if(LINNET_FUZZ)
    target_compile_options(linnet_flags INTERFACE -fsanitize=fuzzer-no-link)
  endif()
endif()
