#include "runtime/session.h"

#include <gtest/gtest.h>

#include <set>

#include "passes/test_pass.h"
#include "runtime/test_session.h"
#include "vision/preprocess.h"

namespace linnet {
namespace {

using namespace testing;

// Work enough for several threads in every kind of step.
constexpr const char* kNetwork = R"(input %x: f32[1,33,31,6]
const %w1: f32[3,3,6,24] = random(1)
const %b1: f32[24] = random(2)
const %w2: f32[3,3,24,1] = random(3)
const %w3: f32[1,1,24,24] = random(4)
const %slope: f32[24] = random(5)
const %w4: f32[2,2,8,24] = random(6)
const %w5: f32[8,10] = random(7)
%a = conv2d(%x, %w1, %b1) {strides=[2,2], pads=[1,1,1,1]}
%a6 = elementwise(%a) {expr=relu6($0)}
%d = depthwise_conv2d(%a6, %w2) {pads=[1,1,1,1]}
%ds = elementwise(%d) {expr=mul($0, sigmoid($0))}
%c = conv2d(%ds, %w3)
%s = elementwise(%c, %a6) {expr=add($0, $1)}
%p = elementwise(%s, %slope) {expr=prelu($0, $1)}
%m = max_pool(%p) {kernel=[3,3], strides=[2,2], pads=[1,1,1,1]}
%r = resize_bilinear(%m) {size=[17,16], align_corners=true}
%j = concat(%r, %p) {axis=3}
%jm = reduce(%j) {mode=mean, axes=[1,2]}
%t = conv2d_transpose(%p, %w4) {strides=[2,2], output_shape=[34,32]}
%tp = avg_pool(%t) {kernel=[34,32]}
%f = reshape(%tp) {shape=[1,8]}
%l = matmul(%f, %w5)
%y = softmax(%l)
output %y
output %jm
output %t)";

TEST(Session, GivesTheReferencesResults) {
  const Graph graph = parse(kNetwork);
  const Values inputs = random_inputs(graph), expected = run(graph, inputs);
  for (const bool optimise : {true, false}) {
    const auto session = compile(graph, 1, optimise);
    ASSERT_NE(session, nullptr);
    feed(*session, inputs);
    session->run();
    const Values found = output_values(*session);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_LE(difference(expected[i], found[i]), 1e-5) << optimise << i;
  }
}

TEST(Session, TellsOfMemoryThatRunsOut) {
  expect_out_of_memory_told(parse(kNetwork),
                            [](Graph graph) { return compile_cpu(std::move(graph), {}, nullptr); });
}

TEST(Session, PacksConstantsThatAreComputedThen) {
  Graph graph = parse(kNetwork);
  const Values inputs = random_inputs(graph);
  const auto expected = compile(graph);
  int waiting = 0;
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    Value& value = graph.value(id);
    if (!value.is_constant()) continue;
    value.constant = lazy_tensor(value.dtype, value.shape, [tensor = value.constant, &waiting] {
      --waiting;
      return Tensor(tensor).take();
    });
    ++waiting;
  }
  const auto session = compile(graph);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(waiting, 0);
  feed(*expected, inputs);
  feed(*session, inputs);
  expected->run();
  session->run();
  EXPECT_EQ(output_bytes(*session), output_bytes(*expected));
}

// Threads share units, never a sum: the bits are the same.
TEST(SessionThreads, GiveTheSameBits) {
  const Graph graph = parse(kNetwork);
  const Values inputs = random_inputs(graph);
  std::vector<std::vector<std::byte>> expected;
  for (const int threads : {1, 2, 4}) {
    const auto session = compile(graph, threads);
    ASSERT_NE(session, nullptr);
    EXPECT_EQ(session->threads(), threads);
    feed(*session, inputs);
    session->run();
    if (expected.empty()) expected = output_bytes(*session);
    EXPECT_EQ(output_bytes(*session), expected) << threads << " threads";
  }
}

TEST(SessionThreads, AreTriedWithoutChangingABit) {
  const Graph graph = parse(kNetwork);
  const Values inputs = random_inputs(graph);
  const auto alone = compile(graph);
  ASSERT_NE(alone, nullptr);
  feed(*alone, inputs);
  alone->run();
  const auto expected = output_bytes(*alone);

  auto compiled = compile_cpu(graph, {.threads = 3, .measured_threads = true, .parallel_cost = 0}, nullptr);
  ASSERT_TRUE(compiled) << error_of(compiled);
  Session& session = **compiled;
  std::set<int> tried;
  while (!session.threads_settled()) {
    tried.insert(session.threads());
    feed(session, inputs);
    session.run();
    ASSERT_EQ(output_bytes(session), expected) << session.threads() << " threads";
  }
  EXPECT_EQ(tried, (std::set<int>{1, 2, 3}));
  EXPECT_TRUE(tried.contains(session.threads()));
}

TEST(Session, RunsAgainWithTheSameBits) {
  const Graph graph = parse(kNetwork);
  const Values inputs = random_inputs(graph), others = random_inputs(graph, 77);
  const auto session = compile(graph);
  ASSERT_NE(session, nullptr);
  feed(*session, inputs);
  session->run();
  const auto first = output_bytes(*session);
  // What another frame leaves in the arena must not show.
  feed(*session, others);
  session->run();
  EXPECT_NE(output_bytes(*session), first);
  feed(*session, inputs);
  session->run();
  EXPECT_EQ(output_bytes(*session), first);
}

// Rows of nothing, of numbers too small to count, and of what is not finite: as the reference, to the bit.
TEST(Session, QuantisesOddRows) {
  const Graph graph = parse(R"(input %x: f32[7,19]
const %w: i8[1,1,19,37] = random(1)
const %s: f32[37] = random(2)
const %b: f32[37] = random(3)
%y = dynamic_matmul(%x, %w, %s, %b)
output %y)");
  Values inputs = random_inputs(graph);
  const auto fill = [&](size_t row, double value) {
    std::fill_n(inputs[0].begin() + static_cast<long>(row) * 19, 19, value);
  };
  fill(0, 0);
  fill(1, 1e-42);
  fill(2, -5);
  inputs[0][3 * 19 + 18] = NAN;
  inputs[0][4 * 19] = INFINITY;
  inputs[0][5 * 19] = 3e38, inputs[0][5 * 19 + 1] = -3e38;
  const std::vector<double> expected = run(graph, inputs)[0];
  for (const int threads : {1, 3}) {
    const auto session = compile(graph, threads);
    ASSERT_NE(session, nullptr);
    feed(*session, inputs);
    session->run();
    EXPECT_EQ(difference(expected, output_values(*session)[0]), 0);
  }
  const auto row = [&](size_t r) { return std::span(expected).subspan(r * 37, 37); };
  EXPECT_TRUE(std::ranges::equal(row(0), row(1)));
  for (const size_t r : {3u, 4u, 5u})
    EXPECT_TRUE(std::ranges::all_of(row(r), [](double y) { return std::isnan(y); }));
  for (const size_t r : {0u, 2u, 6u})
    EXPECT_TRUE(std::ranges::all_of(row(r), [](double y) { return std::isfinite(y); }));
}

constexpr const char* kCodesOfImage = R"(input %x: f32[1,13,11,3]
const %w: i8[3,3,3,16] = random(1)
const %b: i32[16] = random(2)
const %m: f32[16] = random(3)
%q = quantize(%x) {scale=0.0157, zero=64}
%c = quantized_conv2d(%q, %w, %b, %m) {pads=[1,1,1,1], input_zero=64, zero=60}
%y = dequantize(%c) {scale=0.1, zero=60}
output %y)";

// An image of 11 x 13 as the input's elements, and as what `entry` takes.
void load_image(const Session::ImageEntry& entry, uint32_t seed) {
  std::vector<uint8_t> pixels(size_t{11} * 13 * 4);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>((i + seed) * 2654435761u >> 24);
  PreprocessSpec spec;
  ASSERT_TRUE(normalisation_from_name("pm1", &spec.normalisation));
  auto preprocessor =
      Preprocessor::create({11, 13}, {entry.view.dtype, entry.view.shape, entry.quantization}, spec);
  ASSERT_TRUE(preprocessor) << error_of(preprocessor);
  preprocessor->run(packed_view({11, 13}, pixels.data()), entry.view);
}

TEST(Session, TakesImagesAsTheCodesOfTheirElements) {
  for (const bool optimise : {true, false}) {
    const auto session = compile(parse(kCodesOfImage), 1, optimise);
    ASSERT_NE(session, nullptr);
    const auto run_elements = [&](uint32_t seed) {
      load_image({session->input(0), {}}, seed);
      session->run();
      return output_bytes(*session);
    };
    const auto first = run_elements(1), second = run_elements(2);
    ASSERT_NE(first, second);
    EXPECT_EQ(session->image_entry(0).view.dtype, DType::I8);
    load_image(session->image_entry(0), 2);
    session->image_entered();
    session->run();
    EXPECT_EQ(output_bytes(*session), second);
    // That was for one run, and one that begins with its elements does not use it.
    EXPECT_EQ(run_elements(1), first);
    load_image(session->image_entry(0), 2);
    session->image_entered();
    session->wake();
    EXPECT_EQ(run_elements(1), first);
    session->image_entered();
    std::vector<double> seconds(session->plan().step_count);
    load_image({session->input(0), {}}, 2);
    session->run_profiled(seconds);
    EXPECT_EQ(output_bytes(*session), second);
  }
}

// Where something else reads the elements, or there are other inputs, which hosts keep as elements.
TEST(Session, TakesImagesAsElementsWhereThoseAreNeeded) {
  const std::string codes = kCodesOfImage;
  for (const std::string& text : {codes + "\n%z = softmax(%x)\noutput %z", codes + "\noutput %x",
                                  "input %o: f32[4]\n" + codes + "\noutput %o",
                                  std::string("input %x: f32[1,13,11,3]\n%y = softmax(%x)\noutput %y")}) {
    const auto session = compile(parse(text));
    ASSERT_NE(session, nullptr);
    const size_t image = session->inputs().size() - 1;
    EXPECT_EQ(session->image_entry(image).view.data, session->input(image).data) << text;
    load_image(session->image_entry(image), 1);
    session->image_entered();
    session->run();
    const auto first = output_bytes(*session);
    load_image({session->input(image), {}}, 1);
    session->run();
    EXPECT_EQ(output_bytes(*session), first);
  }
}

TEST(Session, ProfilesEveryStep) {
  const auto session = compile(parse(kNetwork));
  ASSERT_NE(session, nullptr);
  std::vector<double> seconds(session->plan().step_count);
  session->run_profiled(seconds);
  for (const double step : seconds) EXPECT_GE(step, 0);
}

TEST(Session, AnswersWithInputsAndConstantsToo) {
  const Graph graph = parse(R"(input %x: f32[3]
const %c: i32[2] = [7, -8]
%r = reshape(%c) {shape=[2,1]}
%v = reshape(%x) {shape=[3,1]}
output %x
output %v
output %c
output %r)");
  for (const bool optimise : {true, false}) {
    const auto session = compile(graph, 1, optimise);
    ASSERT_NE(session, nullptr);
    feed(*session, {{1, 2, 3}});
    session->run();
    EXPECT_EQ(output_values(*session), (Values{{1, 2, 3}, {1, 2, 3}, {7, -8}, {7, -8}}));
  }
}

// Graphs at the edge of what kernels are made for, compiled and by the reference.
TEST(Session, CompilesOddGraphs) {
  const std::pair<const char*, const char*> cases[] = {
      {"a residual in place where the weights are an input", R"(input %x: f32[1,4,4,3]
input %w: f32[1,1,3,5]
input %q: f32[1,4,4,5]
const %b: f32[5] = random(1)
%r = elementwise(%q) {expr=exp($0)}
%c = conv2d(%x, %w, %b, %r) {epilogue=add($0, mul($1, $1))}
output %c)"},
      {"a residual in place with a channel multiplier", R"(input %x: f32[1,4,4,3]
input %q: f32[1,4,4,6]
const %w: f32[1,1,3,2] = random(3)
const %b: f32[6] = random(1)
%r = elementwise(%q) {expr=exp($0)}
%c = depthwise_conv2d(%x, %w, %b, %r) {epilogue=add($0, mul($1, $1))}
output %c)"},
      {"an epilogue that gives another operand", R"(input %x: f32[1,4,4,3]
input %r: f32[1,4,4,5]
const %w: f32[1,1,3,5] = random(2)
const %b: f32[5] = random(1)
%c = conv2d(%x, %w, %b, %r) {epilogue=$1}
output %c)"},
      {"an epilogue that is a number", R"(input %x: f32[1,4,4,3]
const %w: f32[1,1,3,5] = random(2)
%c = conv2d(%x, %w) {epilogue=2.5}
output %c)"},
      {"a product without depth", R"(input %a: f32[2,0]
const %b: f32[0,3] = []
const %c: f32[3] = [1, 2, 3]
%y = matmul(%a, %b, %c)
output %y)"},
      {"a convolution without channels", R"(input %x: f32[1,3,3,0]
const %w: f32[2,2,0,3] = []
const %b: f32[3] = [1, 2, 3]
%y = conv2d(%x, %w, %b)
output %y)"},
      {"nothing padded", R"(input %x: f32[0,3]
%y = pad(%x) {pads=[1,1,0,0], value=4}
output %y)"},
      {"no batch", R"(input %x: f32[0,4,4,3]
const %w: f32[1,1,3,5] = random(2)
%y = conv2d(%x, %w)
%z = softmax(%y)
output %z)"},
      {"an expression without operands", R"(input %x: f32[2,3]
%y = elementwise(%x) {expr=add(1, 2)}
output %y)"},
      {"an operand that only gives the shape", R"(input %x: f32[2,3]
input %s: f32[1]
%y = elementwise(%x, %s) {expr=neg($1)}
output %y)"},
      {"an input that is returned as it is", R"(input %x: f32[2,3]
input %s: f32[1]
%y = elementwise(%x, %s) {expr=$1}
output %y)"},
      {"operands that broadcast both ways", R"(input %x: f32[4,1,3]
input %s: f32[2,1]
%y = elementwise(%x, %s) {expr=mul($0, exp($1))}
output %y)"},
      {"a mean over nothing but the batch", R"(input %x: f32[2,1,1,5]
%y = reduce(%x) {mode=mean, axes=[1,2]}
output %y)"},
      {"many results in one place", R"(input %x: f32[1,8]
%a = softmax(%x)
%b = elementwise(%a, %x) {expr=add($0, $1)}
%c = elementwise(%b, %a) {expr=sub($0, $1)}
%d = elementwise(%c, %x) {expr=less($0, $1)}
%e = elementwise(%d, %c, %a) {expr=select($0, $1, $2)}
output %e
output %b)"},
      {"joined bytes", R"(input %a: bool[3,3]
input %b: bool[3,1]
%y = concat(%a, %b) {axis=1}
output %y)"},
  };
  for (const auto& [what, text] : cases) {
    SCOPED_TRACE(what);
    const Graph graph = parse(text);
    const Values inputs = random_inputs(graph), expected = run(graph, inputs);
    for (const bool optimise : {true, false}) {
      const auto session = compile(graph, 3, optimise);
      ASSERT_NE(session, nullptr);
      for (int round = 0; round < 2; ++round) {
        feed(*session, inputs);
        session->run();
        const Values found = output_values(*session);
        for (size_t i = 0; i < found.size(); ++i)
          EXPECT_LE(difference(expected[i], found[i]), 1e-5) << "output " << i << ", optimise " << optimise;
      }
    }
  }
}

TEST(Compile, ReportsWhatItDid) {
  CompileReport report;
  const Graph graph = parse(R"(input %x: f32[1,4,4,3]
const %w: f32[1,1,3,5] = random(2)
%c = conv2d(%x, %w)
%y = elementwise(%c) {expr=relu($0)}
output %y)");
  const auto session = compile_cpu(graph, {}, &report);
  ASSERT_TRUE(session);
  EXPECT_EQ(report.nodes_before, 2u);
  EXPECT_EQ(report.nodes_after, 1u);
  EXPECT_EQ(report.macs, 16 * 3 * 5);
  EXPECT_FALSE(report.passes.empty());
  EXPECT_GE((*session)->resident_bytes(), (*session)->plan().total_arena_bytes());
}

TEST(Compile, RefusesGraphsThatDoNotVerify) {
  Graph graph = parse("input %x: f32[2]\n%y = softmax(%x)\noutput %y");
  graph.outputs.clear();
  EXPECT_EQ(error_of(compile_cpu(graph, {}, nullptr)), "malformed model: the graph has no outputs");
}

// 3 tensors of 1 GiB at one time are more than a plan addresses.
TEST(Compile, RefusesArenasThatAreTooLarge) {
  const Graph graph = parse(R"(input %x: f32[16384,16384]
input %z: f32[16384,16384]
%y = matmul(%x, %z)
output %y)");
  EXPECT_EQ(error_of(compile_cpu(graph, {}, nullptr)),
            "too large: the model needs an arena of 3221225472 bytes, at most 2147483648 are possible");
}

}  // namespace
}  // namespace linnet
