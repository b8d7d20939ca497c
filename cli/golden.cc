// linnet golden: has a model carry golden answers, by which a page tests every backend before it uses it.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/model_copy.h"
#include "live/selftest.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  std::string output;
  SelfTestInput input{.seed = 1};
  bool json = false;
};

// Calls `use(reference to element i)` for element types that a model's input or output can have.
template <class Use>
void each_element(const TensorView& tensor, Use use) {
  const auto all = [&]<class T>(T* elements) {
    for (int64_t i = 0; i < tensor.shape.elements(); ++i) use(static_cast<size_t>(i), elements[i]);
  };
  switch (tensor.dtype) {
    case DType::F32:
      return all(reinterpret_cast<float*>(tensor.data));
    case DType::I32:
      return all(reinterpret_cast<int32_t*>(tensor.data));
    case DType::F16:
      return all(reinterpret_cast<uint16_t*>(tensor.data));
    case DType::I8:
      return all(reinterpret_cast<int8_t*>(tensor.data));
    default:
      return all(reinterpret_cast<uint8_t*>(tensor.data));
  }
}

void fill(const TensorView& input, uint32_t index, const SelfTestInput& spec) {
  const size_t count = static_cast<size_t>(input.shape.elements());
  std::vector<float> values(count);
  fill_self_test_input(spec, index, 0, input.dtype != DType::F32, values);
  each_element(input, [&](size_t i, auto& element) {
    element = static_cast<std::remove_reference_t<decltype(element)>>(values[i]);
  });
}

// Evenly spread places, and the place of the largest element.
std::vector<size_t> places(const std::vector<double>& values, size_t most) {
  std::vector<size_t> chosen;
  const size_t count = std::min(values.size(), most - 1);
  for (size_t i = 0; i < count; ++i) chosen.push_back(i * values.size() / count);
  if (!values.empty())
    chosen.push_back(static_cast<size_t>(std::ranges::max_element(values) - values.begin()));
  std::ranges::sort(chosen);
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

Result<std::string> golden_text(Session& session, const SelfTestInput& input) {
  const size_t outputs = session.outputs().size();
  if (outputs > SelfTest::kMostOutputs)
    return fail(ErrorCode::InvalidArgument, "the model has %zu outputs; at most %zu can be compared", outputs,
                SelfTest::kMostOutputs);
  for (size_t i = 0; i < session.inputs().size(); ++i)
    fill(session.input(i), static_cast<uint32_t>(i), input);
  session.run();
  JsonOut out;
  out.begin_object().member("seed", uint64_t{input.seed});
  out.member("low", double{input.low}).member("high", double{input.high}).key("outputs").begin_object();
  for (size_t i = 0; i < outputs; ++i) {
    const TensorView tensor = session.output(i);
    std::vector<double> values(static_cast<size_t>(tensor.shape.elements()));
    each_element(tensor, [&](size_t k, const auto& element) { values[k] = static_cast<double>(element); });
    if (!std::ranges::all_of(values, [](double value) { return std::isfinite(value); }))
      return fail(ErrorCode::InvalidArgument,
                  "output '%s' is not finite on this input; give another one by --low, --high or --seed",
                  session.outputs()[i].name.c_str());
    const std::vector<size_t> at = places(values, SelfTest::kMostGolden / outputs);
    out.key(session.outputs()[i].name).begin_object();
    const auto [low, high] = std::ranges::minmax(values);
    out.member("range", values.empty() ? 0.0 : high - low).key("at").begin_array();
    for (const size_t place : at) out.value(uint64_t{place});
    out.end_array().key("values").begin_array();
    for (const size_t place : at) out.value(values[place]);
    out.end_array().end_object();
  }
  out.end_object().end_object();
  return std::string(out.text());
}

Result<int> golden(const Options& options) {
  if (!(options.input.low <= options.input.high))
    return fail(ErrorCode::InvalidArgument, "--low %g is above --high %g", double{options.input.low},
                double{options.input.high});
  TRY_ASSIGN(const LoadedModel loaded, load_model(options.model));
  const auto work = [&]() -> Result<std::string> {
    TRY_ASSIGN(const std::string text, golden_text(*loaded.session, options.input));
    TRY_ASSIGN(const ModelSource source, open_model(options.model.model));
    return copy_model(source.location, *source.model, "golden", text, options.output);
  };
  const auto file = work();
  if (!file) return std::unexpected(file.error().within(loaded.location));
  if (options.json)
    JsonOut().begin_object().member("model", *file).end_object().print();
  else
    std::printf("wrote       %s\n", file->c_str());
  return kExitOk;
}

}  // namespace

Command add_golden(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand(
      "golden", "Has a model carry answers, by which a page tests every backend on its device");
  add_model_flags(*app, options->model, true);
  add_output_flag(*app, options->output);
  app->add_option("--low", options->input.low, "The test input's smallest value")->capture_default_str();
  app->add_option("--high", options->input.high, "The test input's largest value")->capture_default_str();
  app->add_option("--seed", options->input.seed, "Another input for another number")->capture_default_str();
  add_json_flag(*app, options->json);
  app->footer("Example:\n  linnet golden models/mobilenet -o mobilenet-tested --low -1 --high 1");
  return {app, [options] { return golden(*options); }};
}

}  // namespace linnet
