#include "runtime/compile_gpu.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "graph/test_graph.h"
#include "passes/pipeline.h"

namespace linnet {
namespace {

using testing::error_of;

gpu::GpuPlan compile(std::string_view text, const gpu::Target& target) {
  Graph graph = testing::parse(text);
  EXPECT_TRUE(run_passes(graph));
  auto plan = compile_gpu(graph, target);
  EXPECT_TRUE(plan) << error_of(plan);
  return plan ? std::move(*plan) : gpu::GpuPlan{};
}

gpu::GpuPlan compile(std::string_view text, gpu::Api api = gpu::Api::WebGpu) {
  return compile(text, {.api = api, .software = true});
}

constexpr std::string_view kNetwork = R"(input %x: f32[1,8,8,3]
const %w: f32[3,3,3,8] = random(1)
const %b: f32[8] = random(2)
%c = conv2d(%x, %w, %b) {strides=[2,2], pads=[0,1,0,1], epilogue=relu6($0)}
const %d: f32[3,3,8,1] = random(3)
%e = depthwise_conv2d(%c, %d) {pads=[1,1,1,1]}
const %v: f32[1,1,8,8] = random(4)
%f = conv2d(%e, %v)
%g = elementwise(%f, %c) {expr=add($0, $1)}
%p = reduce(%g) {mode=mean, axes=[1,2]}
%i = cast(%p) {dtype=i32}
%s = softmax(%p)
output %s
output %i)";

// What workgroups fold: rows by subgroups, columns by halves.
constexpr std::string_view kFolds = R"(input %x: f32[1,9,8,40]
const %g: f32[40] = random(1)
const %b: f32[40] = random(2)
%n = layer_norm(%x, %g, %b) {mode=layer, epsilon=0.001}
%p = reduce(%n) {mode=mean, axes=[1,2]}
%s = softmax(%p)
output %s)";

// What a GPU in hardware gets: workgroups that share rows and weights, one product of f32 and one of f16.
constexpr std::string_view kShared = R"(input %x: f32[1,4,4,16]
const %w: f32[1,1,16,16] = random(1)
%c = conv2d(%x, %w) {epilogue=relu6($0)}
const %v: f32[1,1,16,16] = random(2)
%d = conv2d(%c, %v)
%e = elementwise(%d, %c) {expr=maximum($0, $1)}
%p = reduce(%e) {mode=mean, axes=[1,2]}
%s = softmax(%p)
output %s)";

// tests/golden/NAME holds the plan as print_gpu_plan writes it. LINNET_UPDATE_GOLDEN=1 writes it anew.
void expect_golden(const std::string& name, const gpu::GpuPlan& plan) {
  const std::string path = LINNET_SOURCE_DIR "/tests/golden/" + name;
  const std::string text = print_gpu_plan(plan);
  if (std::getenv("LINNET_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ostringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, golden.str()) << "see " << path;
}

TEST(CompileGpu, GivesTheGoldenPlans) {
  expect_golden("webgpu_network.txt", compile(kNetwork));
  expect_golden("webgl2_network.txt", compile(kNetwork, gpu::Api::WebGl2));
  expect_golden("webgpu_folds.txt", compile(kFolds, {.min_subgroup = 4, .max_subgroup = 64}));
  expect_golden(
      "webgpu_shared.txt",
      compile(kShared, {.f16 = true, .f16_arithmetic = true, .min_subgroup = 32, .max_subgroup = 32}));
}

TEST(CompileGpu, SharesShadersAmongStepsOfOneKind) {
  std::string text = "input %x: f32[1,16,16,8]\n", last = "%x";
  for (int i = 0; i < 4; ++i) {
    const std::string n = std::to_string(i);
    text += "const %w" + n + ": f32[1,1,8,8] = random(" + n + ")\n%y" + n + " = conv2d(" + last + ", %w" + n +
            ") {epilogue=relu6($0)}\n";
    last = "%y" + n;
  }
  const gpu::GpuPlan plan = compile(text + "output " + last);
  EXPECT_EQ(plan.step_nodes.size(), 4u);
  EXPECT_EQ(plan.shaders.size(), 1u);
}

TEST(CompileGpu, RunsNeighboursOnTheCpuInOneStep) {
  const gpu::GpuPlan plan = compile(R"(input %x: f32[2,6]
%a = quantize(%x) {scale=0.1, zero=3}
const %t: i8[128] = random(1)
%b = lookup(%a, %t)
%c = dequantize(%b) {scale=0.2}
%y = softmax(%c)
output %y)");
  ASSERT_EQ(plan.cpu_steps.size(), 1u);
  EXPECT_EQ(plan.cpu_steps[0].first, 0u);
  EXPECT_EQ(plan.cpu_steps[0].last, 2u);
  EXPECT_EQ(plan.cpu_steps[0].inputs.size(), 1u);
  EXPECT_EQ(plan.cpu_steps[0].outputs.size(), 1u);
  EXPECT_EQ(plan.step_nodes.size(), 2u);
}

// A draw for each row's mean and deviation, one for the results.
TEST(CompileGpu, ComputesWhatARowHasOnceForItsLayerNormOnWebGl2) {
  const gpu::GpuPlan plan = compile(R"(input %x: f32[50,64]
const %g: f32[64] = random(1)
const %b: f32[64] = random(2)
%y = layer_norm(%x, %g, %b) {mode=layer, epsilon=0.001}
output %y)",
                                    gpu::Api::WebGl2);
  std::vector<uint64_t> texels;
  for_each_gpu_step(plan, [&](gpu::GpuOp op, std::span<const uint32_t> parameters) {
    if (op == gpu::GpuOp::Draw) texels.push_back(uint64_t{parameters[3]} * parameters[4]);
  });
  ASSERT_EQ(texels.size(), 2u);
  EXPECT_LE(texels[0], 256u);
  EXPECT_GE(texels[1], 50u * 64 / 4);
}

// A chain of pools, whose results a concatenation of `parts` reads, and a product after it.
std::string many_parts(int parts) {
  std::string text = "input %x: f32[1,4,4,8]\n", last = "%x", all;
  for (int i = 0; i < parts; ++i) {
    const std::string n = "%p" + std::to_string(i);
    text += n + " = max_pool(" + last + ") {kernel=[3,3], pads=[1,1,1,1]}\n";
    all += (i > 0 ? ", " : "") + n;
    last = n;
  }
  return text + "%c = concat(" + all + ") {axis=3}\nconst %w: f32[1,1," + std::to_string(8 * parts) +
         ",8] = random(1)\n%y = conv2d(%c, %w)\n%z = elementwise(%y) {expr=neg($0)}\noutput %z";
}

TEST(CompileGpu, RunsNodesOfMoreTensorsThanADrawReadsOnTheCpuInF32) {
  for (const bool f16 : {false, true}) {
    const gpu::Target target{.api = gpu::Api::WebGl2, .f16 = f16};
    EXPECT_TRUE(compile(many_parts(15), target).cpu_steps.empty());
    const gpu::GpuPlan plan = compile(many_parts(16), target);
    ASSERT_EQ(plan.cpu_steps.size(), 1u);
    EXPECT_EQ(plan.cpu_steps[0].inputs.size(), 16u);
    for (const auto* ports : {&plan.cpu_steps[0].inputs, &plan.cpu_steps[0].outputs})
      for (const PlanPort& port : *ports) EXPECT_EQ(port.dtype, DType::F32);
    EXPECT_TRUE(compile(many_parts(16), {.f16 = f16}).cpu_steps.empty());
  }
}

TEST(CompileGpu, RefusesWhatTheDeviceCannotHold) {
  Graph graph = testing::parse(kNetwork);
  ASSERT_TRUE(run_passes(graph));
  const auto plan = compile_gpu(graph, {.max_binding_bytes = 256});
  EXPECT_NE(error_of(plan).find("too large"), std::string::npos) << error_of(plan);
}

// Each draw's target and what it reads, as textures.
TEST(CompileGpu, NeverDrawsIntoATextureThatItReads) {
  const gpu::GpuPlan plan = compile(kNetwork, gpu::Api::WebGl2);
  size_t draws = 0;
  for_each_gpu_step(plan, [&](gpu::GpuOp op, std::span<const uint32_t> parameters) {
    if (op != gpu::GpuOp::Draw) return;
    ++draws;
    for (uint32_t read : parameters.subspan(5)) EXPECT_NE(read, parameters[2]);
  });
  EXPECT_GT(draws, 5u);
}

TEST(CompileGpu, SharesTexturesOfTensorsThatAreNotAliveTogether) {
  std::string text = "input %x: f32[1,32,32,8]\n", last = "%x";
  for (int i = 0; i < 6; ++i) {
    const std::string n = std::to_string(i);
    text += "const %w" + n + ": f32[1,1,8,8] = random(" + n + ")\n%y" + n + " = conv2d(" + last + ", %w" + n +
            ")\n";
    last = "%y" + n;
  }
  const gpu::GpuPlan plan = compile(text + "output " + last, gpu::Api::WebGl2);
  // The input's, two by turns, and the output's, which the host reads.
  EXPECT_EQ(plan.textures.size(), 4u);
}

TEST(CompileGpu, RefusesTensorsThatFitNoTexture) {
  Graph graph = testing::parse("input %x: f32[1,256,256,8]\n%y = elementwise(%x) {expr=neg($0)}\noutput %y");
  const auto plan = compile_gpu(graph, {.api = gpu::Api::WebGl2, .max_texture_size = 256});
  EXPECT_NE(error_of(plan).find("too large: x: a tensor of"), std::string::npos) << error_of(plan);
}

TEST(VerifyGpuPlan, RefusesWordsThatPointNowhere) {
  for (const gpu::Api api : {gpu::Api::WebGpu, gpu::Api::WebGl2}) {
    const gpu::GpuPlan plan = compile(kNetwork, api);
    EXPECT_TRUE(verify_gpu_plan(plan, 65535));
    for (size_t at = 0; at < plan.words.size(); ++at) {
      gpu::GpuPlan changed = plan;
      changed.words[at] = 0xfff00000u + static_cast<uint32_t>(at);
      EXPECT_FALSE(verify_gpu_plan(changed, 65535)) << "word " << at;
    }
  }
  const gpu::GpuPlan plan = compile(kNetwork);
  gpu::GpuPlan changed = plan;
  changed.outputs[0].ref = Ref::arena(plan.arena_bytes);
  EXPECT_FALSE(verify_gpu_plan(changed, 65535));
  changed = plan;
  changed.weights.back().offset += 64;
  EXPECT_FALSE(verify_gpu_plan(changed, 65535));
  EXPECT_FALSE(verify_gpu_plan(plan, 0));
}

}  // namespace
}  // namespace linnet
