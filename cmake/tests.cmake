# Tests of native builds: the unit tests beside their sources, the op suite, the fuzz targets.
add_executable(linnet_optest tests/ops/optest.cc tests/ops/op_cases.cc tests/ops/chain_cases.cc
               tests/ops/image_cases.cc tests/ops/gpu_plans.cc)
target_include_directories(linnet_optest PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(linnet_optest PRIVATE linnet_engine)
set_target_properties(linnet_optest PROPERTIES EXCLUDE_FROM_ALL ON)

# The kernel families' times, for bench/.
add_executable(linnet_kernels EXCLUDE_FROM_ALL bench/kernels.cc bench/kernel_cases.cc)
target_include_directories(linnet_kernels PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(linnet_kernels PRIVATE linnet_engine)

if(LINNET_COMMAND)
  find_package(GTest)
endif()
if(GTest_FOUND)
  file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS src/*_test.cc cli/*_test.cc)
  # Only the runtime has threads that share anything: ThreadSanitizer need not wait for the rest to compile.
  if(LINNET_SANITIZE STREQUAL "thread")
    list(FILTER test_sources INCLUDE REGEX "/src/runtime/")
  endif()
  add_executable(linnet_tests ${test_sources})
  target_compile_definitions(linnet_tests PRIVATE LINNET_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(LINNET_SANITIZE STREQUAL "thread")
    target_link_libraries(linnet_tests PRIVATE linnet_engine GTest::gtest_main)
  else()
    target_link_libraries(linnet_tests PRIVATE linnet_cli GTest::gtest_main)
  endif()
  # What they test is optimised; they need not be.
  target_compile_options(linnet_tests PRIVATE -O0)
  set_target_properties(linnet_tests PROPERTIES EXCLUDE_FROM_ALL ON)
endif()

# With the other sanitizers' build: the engine is compiled once for both.
if(LINNET_FUZZ)
  add_custom_target(fuzz_targets)
  file(GLOB_RECURSE fuzz_sources CONFIGURE_DEPENDS src/*_fuzz.cc cli/*_fuzz.cc)
  foreach(source ${fuzz_sources})
    get_filename_component(target ${source} NAME_WE)
    add_executable(${target} EXCLUDE_FROM_ALL ${source})
    add_dependencies(fuzz_targets ${target})
    target_link_libraries(${target} PRIVATE linnet_cli)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  endforeach()
endif()
