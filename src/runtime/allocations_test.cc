// Running allocates nothing: counted by a hook on every allocation of the process, on each op's cases and on
// whole models. The models' arenas and answers are checked on the way.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "formats/tfjs/shared_models.h"
#include "live/ladder.h"
#include "runtime/test_session.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LINNET_SANITIZER_HOOKS
#include <sanitizer/allocator_interface.h>
#endif
#endif

namespace {
std::atomic<uint64_t> allocation_count = 0;
}  // namespace

#if defined(LINNET_SANITIZER_HOOKS)

namespace {
[[maybe_unused]] const int hooks_installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, size_t) { ++allocation_count; }, [](const volatile void*) {});
}  // namespace

#elif defined(__GLIBC__)

// The C library's own allocator under another name; operator new goes through malloc.
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

void* malloc(size_t bytes) {
  ++allocation_count;
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  ++allocation_count;
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, size_t bytes) {
  ++allocation_count;
  return __libc_realloc(memory, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  ++allocation_count;
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  return memalign(alignment, bytes);
}
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  *memory = memalign(alignment, bytes);
  return *memory != nullptr ? 0 : 12;  // ENOMEM
}
}

#endif

namespace linnet {
namespace {

using namespace testing;

uint64_t allocations_of_run(Session& session) {
  // A thread may allocate while it starts, and under sanitizers does.
  meet(session.pool());
  const uint64_t before = allocation_count;
  session.run();
  return allocation_count - before;
}

// What is stored here cannot be optimised away.
const void* volatile escaped = nullptr;

TEST(Allocations, AreCounted) {
  const uint64_t before = allocation_count;
  const auto number = std::make_unique<int>(1);
  const auto buffer = Buffer::allocate(100);
  std::vector<char> grown(1000);
  for (const void* memory : {static_cast<const void*>(number.get()), static_cast<const void*>(buffer->data()),
                             static_cast<const void*>(grown.data())})
    escaped = memory;
  EXPECT_GE(allocation_count - before, 3u);
}

TEST(Allocations, NoneInAnyOpsCase) {
#define LINNET_OP(name)                                                   \
  for (const char* text : op_def(Op::name).cases)                         \
    for (const bool optimise : {true, false}) {                           \
      SCOPED_TRACE(text);                                                 \
      const auto session = compile(parse(text), 3, optimise);             \
      ASSERT_NE(session, nullptr);                                        \
      EXPECT_EQ(allocations_of_run(*session), 0u) << "in the first run";  \
      EXPECT_EQ(allocations_of_run(*session), 0u) << "in the second run"; \
    }
#include "graph/ops.def"
#undef LINNET_OP
}

TEST(Allocations, NoneInTheLadder) {
  const uint64_t before = allocation_count;
  Ladder ladder({.available = 7, .record = "none", .limits = {}}, 0);
  for (int frame = 0; frame < 20'000; ++frame) {
    const double now = frame * 33;
    const LadderCommand command = ladder.next(now);
    constexpr LadderEvent answers[] = {LadderEvent::Frame,    LadderEvent::Ready, LadderEvent::Passed,
                                       LadderEvent::Measured, LadderEvent::Frame, LadderEvent::Lost};
    const auto action = static_cast<size_t>(command.action);
    if (action < std::size(answers)) ladder.event(answers[action], command.rung, now, 10 + frame % 7, "text");
  }
  EXPECT_TRUE(ladder.decided());
  EXPECT_EQ(ladder.record(1e6).view().empty() || ladder.explain().view().empty(), false);
  EXPECT_EQ(allocation_count - before, 0u);
}

void fill_inputs(Session& session) {
  for (size_t i = 0; i < session.inputs().size(); ++i)
    fill_random(session.input(i), static_cast<uint32_t>(i + 1), -1, 1);
}

TEST(AllocationsModels, NoneInARunAndArenasAreNearTheirBound) {
  LINNET_SKIP_WITHOUT_MODELS();
  for (const SharedModel& model : shared_models()) {
    SCOPED_TRACE(model.path);
    auto graph = import_shared(model.path);
    ASSERT_TRUE(graph) << error_of(graph);
    const auto session = compile(*graph, 2);
    ASSERT_NE(session, nullptr);
    const Plan& plan = session->plan();
    EXPECT_GT(plan.lower_bound_bytes, 0u);
    EXPECT_GE(plan.arena_bytes, plan.lower_bound_bytes);
    EXPECT_LE(plan.arena_bytes, plan.lower_bound_bytes + plan.lower_bound_bytes / 20);
    fill_inputs(*session);
    EXPECT_EQ(allocations_of_run(*session), 0u);
    for (const std::vector<double>& output : output_values(*session))
      for (const double element : output) ASSERT_TRUE(std::isfinite(element));
  }
}

// Small ones, so that the reference kernels answer in time.
TEST(Models, CompiledAndReferenceAgree) {
  LINNET_SKIP_WITHOUT_MODELS();
  for (const char* path : {"kws_ds_cnn/model.json", "vww_96/model.json", "resnet8_cifar10/model.json",
                           "emotion/emotion.json", "mobilenet_v1_0.25_128/model.json"}) {
    SCOPED_TRACE(path);
    auto graph = import_shared(path);
    ASSERT_TRUE(graph) << error_of(graph);
    std::vector<Values> answers;
    for (const bool optimise : {false, true}) {
      const auto session = compile(*graph, 1, optimise);
      ASSERT_NE(session, nullptr);
      fill_inputs(*session);
      session->run();
      answers.push_back(output_values(*session));
    }
    for (size_t i = 0; i < answers[0].size(); ++i) EXPECT_LE(difference(answers[0][i], answers[1][i]), 1e-4);
  }
}

TEST(ModelsThreads, GiveTheSameBits) {
  LINNET_SKIP_WITHOUT_MODELS();
  for (const char* path : {"vww_96/model.json", "kws_ds_cnn/model.json"}) {
    SCOPED_TRACE(path);
    auto graph = import_shared(path);
    ASSERT_TRUE(graph) << error_of(graph);
    std::vector<std::vector<std::byte>> expected;
    for (const int threads : {1, 4}) {
      const auto session = compile(*graph, threads);
      ASSERT_NE(session, nullptr);
      for (int round = 0; round < 2; ++round) {
        fill_inputs(*session);
        session->run();
        if (expected.empty()) expected = output_bytes(*session);
        EXPECT_EQ(output_bytes(*session), expected) << threads << " threads, run " << round;
      }
    }
  }
}

}  // namespace
}  // namespace linnet
