// Times every kernel family through the public compile path, natively or in WebAssembly: one JSON document on
// stdout. bench/kernels runs it.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "bench/kernel_cases.h"
#include "bench/measured_peaks.h"
#include "graph/op_def.h"
#include "graph/text.h"
#include "runtime/compile.h"

namespace linnet::bench {
namespace {

// Bytes read and written by copies between buffers that a core's own caches hold.
double copy_peak() {
  constexpr size_t kBytes = 128 << 10;
  static char from[kBytes], to[kBytes];
  return best_speed([] {
    constexpr int kRounds = 20;
    for (int i = 0; i < kRounds; ++i) {
      from[0] = to[i];
      std::memcpy(to, from, kBytes);
    }
    return 2.0 * kBytes * kRounds;
  });
}

// For each case.
constexpr double kSeconds = 0.04;

struct Timed {
  const char* dtype = "";
  int64_t macs = 0;
  // Of inputs, constants and outputs.
  size_t bytes = 0;
  double ns = 0;
};

Result<Timed> time_case(const KernelCase& kernel) {
  TRY_ASSIGN(Graph graph, parse_graph(kernel.graph));
  Timed timed;
  for (const Node& node : graph.nodes()) {
    timed.macs += node_macs(graph, node);
    timed.dtype = dtype_name(graph.value(node.inputs[0]).dtype);
  }
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Value& value = graph.value(id);
    timed.bytes += static_cast<size_t>(value.shape.elements()) * dtype_size(value.dtype);
  }
  TRY_ASSIGN(const auto session, compile_cpu(std::move(graph), {}, nullptr));
  const auto feed = [&] {
    for (size_t i = 0; i < session->inputs().size(); ++i)
      fill_random(session->input(i), static_cast<uint32_t>(i), kernel.low, kernel.high);
  };
  // Samples of about 0.1 ms at least. A run may overwrite its inputs, so each sample starts with fresh ones;
  // what the cases make of their own results stays in a range that costs the same.
  feed();
  session->run();
  const double first = seconds_now();
  session->run();
  const int runs = std::max(1, static_cast<int>(1e-4 / std::max(seconds_now() - first, 1e-7)));
  std::vector<double> samples;
  for (const double end = seconds_now() + kSeconds; samples.size() < 5 || seconds_now() < end;) {
    feed();
    session->run();
    const double start = seconds_now();
    for (int i = 0; i < runs; ++i) session->run();
    samples.push_back((seconds_now() - start) / runs);
  }
  std::ranges::nth_element(samples, samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2));
  timed.ns = 1e9 * samples[samples.size() / 2];
  return timed;
}

int run(std::string_view filter) {
  std::printf("{\"peaks\":{\"fma\":%.2f,\"dot\":%.2f,\"copy\":%.2f},\"cases\":[", measure_fma_peak(),
              measure_dot_peak(), copy_peak());
  const char* separator = "";
  int status = 0;
  for (const KernelCase& kernel : kernel_cases()) {
    if ((kernel.family + " " + kernel.shape).find(filter) == std::string::npos) continue;
    const Result<Timed> timed = time_case(kernel);
    if (!timed) {
      std::fprintf(stderr, "%s, %s: %s\n", kernel.family.c_str(), kernel.shape.c_str(),
                   std::string(timed.error().detail()).c_str());
      status = 1;
      continue;
    }
    std::printf(
        "%s\n{\"family\":\"%s\",\"shape\":\"%s\",\"dtype\":\"%s\",\"macs\":%lld,\"bytes\":%zu,\"ns\":%.1f}",
        separator, kernel.family.c_str(), kernel.shape.c_str(), timed->dtype,
        static_cast<long long>(timed->macs), timed->bytes, timed->ns);
    std::fflush(stdout);
    separator = ",";
  }
  std::printf("]}\n");
  return status;
}

}  // namespace
}  // namespace linnet::bench

// `--filter TEXT`: only the kernels whose family or shape holds the text.
int main(int argc, char** argv) {
  return linnet::bench::run(argc > 2 && std::string_view(argv[1]) == "--filter" ? argv[2] : "");
}
