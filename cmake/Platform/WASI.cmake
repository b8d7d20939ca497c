# Modules have no shared libraries and no paths of a system; CMake only asks that the platform be known.
set(CMAKE_EXECUTABLE_SUFFIX .wasm)
