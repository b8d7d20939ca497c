#include "formats/tfjs/layers_import.h"

#include "formats/tfjs/input_shape.h"
#include "formats/tfjs/layer.h"
#include "formats/tfjs/name_index.h"
#include "formats/tfjs/order.h"

namespace linnet {

namespace {

constexpr int kMaxNesting = 8;
// Shared layers are called more than once, but not without end.
constexpr size_t kMaxCalls = size_t{1} << 14;

int length_of(std::string_view text) {
  return static_cast<int>(text.size());
}

bool is_sequential(std::string_view class_name) {
  return class_name == "Sequential";
}
bool is_model(std::string_view class_name) {
  return class_name == "Model" || class_name == "Functional" || is_sequential(class_name);
}

// The layers of a model's configuration; a Sequential's may be the configuration itself.
Json layers_of(Json model) {
  const Json config = model["config"];
  return config.is_array() ? config : config["layers"];
}

Result<std::string_view> class_of(Json model) {
  TRY_ASSIGN(const Json name, model.member("class_name"));
  return name.string();
}

Result<std::string_view> name_of(Json layer) {
  Json name = layer["name"];
  if (!name) name = layer["config"]["name"];
  if (!name) return fail(ErrorCode::MalformedModel, "%s has no name", layer.path().c_str());
  return name.string();
}

// One call of a layer.
struct Call {
  std::string_view layer;
  int64_t call;
  int64_t output;
};

Result<Call> parse_call(Json entry) {
  TRY(entry.expect_array());
  if (entry.size() < 3)
    return fail(ErrorCode::MalformedModel, "%s must name layer, call and output", entry.path().c_str());
  Call call{};
  TRY_ASSIGN(call.layer, entry[size_t{0}].string());
  TRY_ASSIGN(call.call, entry[size_t{1}].integer());
  TRY_ASSIGN(call.output, entry[size_t{2}].integer());
  return call;
}

// A list of calls; a single one may stand without the list around it.
Result<std::vector<Call>> parse_calls(Json list) {
  if (!list.is_array())
    return fail(ErrorCode::UnsupportedOp,
                "%s is not in the form that Keras 2 writes, which is the one supported", list.path().c_str());
  std::vector<Call> calls;
  if (list.size() > 0 && list[size_t{0}].is_string()) {
    TRY_ASSIGN(const Call call, parse_call(list));
    calls.push_back(call);
    return calls;
  }
  for (size_t i = 0; i < list.size(); ++i) {
    TRY_ASSIGN(const Call call, parse_call(list[i]));
    calls.push_back(call);
  }
  return calls;
}

class LayersImporter {
 public:
  LayersImporter(Weights& weights, const TfjsOptions& options) : weights_(weights), options_(options) {}

  Result<Graph> run(Json model) {
    TRY_ASSIGN(const std::vector<ValueId> outputs, import_model(model, {}, 0));
    CHECK(outputs.size() == output_names_.size());
    for (size_t i = 0; i < outputs.size(); ++i) TRY(builder_.add_output(output_names_[i], outputs[i]));
    TRY(check_input_names(builder_.graph, options_));
    return std::move(builder_.graph);
  }

 private:
  // `inputs` are those of a model within a model; the outermost makes its own.
  Result<std::vector<ValueId>> import_model(Json model, const std::vector<ValueId>& inputs, int nesting) {
    if (nesting > kMaxNesting)
      return fail(ErrorCode::TooLarge, "%s: models are nested too deeply", model.path().c_str());
    TRY_ASSIGN(const std::string_view class_name, class_of(model));
    if (is_sequential(class_name)) return import_sequential(model, inputs, nesting);
    if (is_model(class_name)) return import_functional(model, inputs, nesting);
    return fail(ErrorCode::UnsupportedOp, "models of class '%.*s' are not supported", length_of(class_name),
                class_name.data());
  }

  Result<std::vector<ValueId>> import_sequential(Json model, const std::vector<ValueId>& inputs,
                                                 int nesting) {
    const Json layers = layers_of(model);
    if (layers.size() == 0) return fail(ErrorCode::MalformedModel, "%s has no layers", model.path().c_str());
    TRY(layers.expect_array());
    std::vector<ValueId> values = inputs;
    if (nesting == 0) {
      TRY_ASSIGN(const ValueId input, add_sequential_input(model));
      values.assign(1, input);
    }
    for (size_t i = 0; i < layers.size(); ++i) {
      TRY_ASSIGN(const std::string_view class_name, class_of(layers[i]));
      if (class_name == "InputLayer" && i == 0) continue;
      TRY_ASSIGN(values, import_layer(layers[i], values, nesting));
    }
    if (nesting == 0) {
      TRY_ASSIGN(const std::string_view last, name_of(layers[layers.size() - 1]));
      output_names_.assign(values.size(), last);
    }
    return values;
  }

  // The first layer that states a shape: a Sequential's first layer may be a model itself.
  Result<ValueId> add_sequential_input(Json model) {
    Json layer = model;
    for (int nesting = 0; nesting <= kMaxNesting; ++nesting) {
      TRY_ASSIGN(const std::string_view class_name, class_of(layer));
      if (!is_model(class_name)) return add_input(layer);
      const Json layers = layers_of(layer);
      if (!layers.is_array() || layers.size() == 0) break;
      layer = layers[size_t{0}];
    }
    return fail(ErrorCode::MalformedModel, "%s: no layer states the shape of the input",
                model.path().c_str());
  }

  Result<ValueId> add_input(Json layer) {
    DeclaredInput input;
    TRY_ASSIGN(input.port, name_of(layer));
    input.node = input.port;
    TRY_ASSIGN(const Json config, layer.member("config"));
    Json shape = config["batch_input_shape"];
    if (!shape) shape = config["batch_shape"];
    if (shape) {
      TRY(shape.expect_array());
      input.rank_known = true;
      for (size_t i = 0; i < shape.size(); ++i) {
        int64_t size = -1;
        if (shape[i]) {
          TRY_ASSIGN(size, shape[i].integer());
        }
        input.dims.push_back(size);
      }
    }
    if (const Json type = config["dtype"]; type.is_string()) {
      TRY_ASSIGN(const std::string_view name, type.string());
      if (name == "int32" || name == "uint8") input.dtype = DType::I32;
      if (name == "bool") input.dtype = DType::Bool;
      if (name == "string")
        return fail(ErrorCode::UnsupportedType, "input '%.*s' holds strings", length_of(input.port),
                    input.port.data());
    }
    TRY_ASSIGN(const Shape settled, settle_input_shape(input, options_));
    return builder_.add_input(input.port, input.node, input.dtype, settled);
  }

  Result<std::vector<ValueId>> import_layer(Json entry, std::vector<ValueId> inputs, int nesting) {
    TRY_ASSIGN(const std::string_view class_name, class_of(entry));
    if (is_model(class_name)) return import_model(entry, inputs, nesting + 1);
    TRY_ASSIGN(const std::string_view name, name_of(entry));
    const LayerImport* found = find_layer(class_name);
    if (found == nullptr)
      return fail(ErrorCode::UnsupportedOp, "layer '%.*s' of class '%.*s' is not supported", length_of(name),
                  name.data(), length_of(class_name), class_name.data());
    TRY_ASSIGN(const Json config, entry.member("config"));
    Layer layer(builder_, weights_, name, class_name, config, std::move(inputs));
    if (layer.inputs().empty() || (layer.inputs().size() > 1 && !found->many_inputs))
      return layer.error(ErrorCode::MalformedModel, "has %zu inputs", layer.inputs().size());
    TRY_ASSIGN(const ValueId output, found->import(layer));
    return std::vector<ValueId>{output};
  }

  struct Vertex {
    size_t layer;
    std::vector<Call> inputs;
    std::vector<uint32_t> sources;  // the vertex of each input
    std::vector<ValueId> values;    // once imported
  };

  // A functional model's calls as a graph.
  struct Functional {
    Json layers;
    NameIndex index;
    std::vector<size_t> first_vertex;  // of each layer, and one past the last
    std::vector<Vertex> vertices;

    Result<uint32_t> find(const Call& call, std::string_view user) const {
      const size_t layer = index.find(call.layer);
      if (layer == SIZE_MAX)
        return fail(ErrorCode::MissingNode, "%.*s uses layer '%.*s', which the model does not have",
                    length_of(user), user.data(), length_of(call.layer), call.layer.data());
      const size_t calls = first_vertex[layer + 1] - first_vertex[layer];
      if (call.call < 0 || static_cast<uint64_t>(call.call) >= calls)
        return fail(ErrorCode::MissingNode, "%.*s uses call %lld of layer '%.*s', which has %zu",
                    length_of(user), user.data(), static_cast<long long>(call.call), length_of(call.layer),
                    call.layer.data(), calls);
      return static_cast<uint32_t>(first_vertex[layer] + static_cast<size_t>(call.call));
    }

    Result<ValueId> value(uint32_t vertex, const Call& call) const {
      const std::vector<ValueId>& values = vertices[vertex].values;
      if (call.output < 0 || static_cast<uint64_t>(call.output) >= values.size())
        return fail(ErrorCode::MissingNode, "output %lld of layer '%.*s' is used, which has %zu",
                    static_cast<long long>(call.output), length_of(call.layer), call.layer.data(),
                    values.size());
      return values[static_cast<size_t>(call.output)];
    }
  };

  static Result<Functional> read_functional(Json model) {
    Functional functional;
    functional.layers = layers_of(model);
    TRY(model.expect_object());
    if (!functional.layers.is_array())
      return fail(ErrorCode::MalformedModel, "%s has no layers", model.path().c_str());
    for (size_t i = 0; i < functional.layers.size(); ++i) {
      const Json layer = functional.layers[i];
      TRY_ASSIGN(const std::string_view name, name_of(layer));
      functional.index.add(name, i);
      functional.first_vertex.push_back(functional.vertices.size());
      const Json inbound = layer["inbound_nodes"];
      if (inbound) TRY(inbound.expect_array());
      if (inbound.size() == 0) functional.vertices.push_back({i, {}, {}, {}});
      for (size_t call = 0; call < inbound.size(); ++call) {
        if (functional.vertices.size() >= kMaxCalls)
          return fail(ErrorCode::TooLarge, "%s has more than %zu calls", model.path().c_str(), kMaxCalls);
        TRY_ASSIGN(std::vector<Call> inputs, parse_calls(inbound[call]));
        functional.vertices.push_back({i, std::move(inputs), {}, {}});
      }
    }
    functional.first_vertex.push_back(functional.vertices.size());
    const std::string_view twice = functional.index.twice();
    if (twice.data() != nullptr)
      return fail(ErrorCode::MalformedModel, "two layers are called '%.*s'", length_of(twice), twice.data());
    return functional;
  }

  Result<std::vector<ValueId>> import_functional(Json model, const std::vector<ValueId>& inputs,
                                                 int nesting) {
    TRY_ASSIGN(Functional functional, read_functional(model));
    TRY_ASSIGN(const Json config, model.member("config"));
    TRY_ASSIGN(const Json input_list, config.member("input_layers"));
    TRY_ASSIGN(const std::vector<Call> input_calls, parse_calls(input_list));
    if (nesting > 0 && input_calls.size() != inputs.size())
      return fail(ErrorCode::MalformedModel, "%s has %zu inputs, is given %zu", model.path().c_str(),
                  input_calls.size(), inputs.size());
    for (size_t i = 0; i < input_calls.size(); ++i) {
      TRY_ASSIGN(const uint32_t vertex, functional.find(input_calls[i], "input_layers"));
      Vertex& input = functional.vertices[vertex];
      if (!input.values.empty())
        return fail(ErrorCode::MalformedModel, "%s lists a layer twice", input_list.path().c_str());
      ValueId value = kNone;
      if (nesting > 0) {
        value = inputs[i];
      } else {
        TRY_ASSIGN(value, add_input(functional.layers[input.layer]));
      }
      input.values.push_back(value);
    }

    TRY_ASSIGN(const Json output_list, config.member("output_layers"));
    TRY_ASSIGN(const std::vector<Call> output_calls, parse_calls(output_list));
    std::vector<uint32_t> roots;
    for (const Call& call : output_calls) {
      TRY_ASSIGN(const uint32_t vertex, functional.find(call, "output_layers"));
      roots.push_back(vertex);
    }
    if (roots.empty()) return fail(ErrorCode::MalformedModel, "%s is empty", output_list.path().c_str());
    TRY(import_calls(functional, roots, nesting));

    std::vector<ValueId> outputs;
    for (size_t i = 0; i < roots.size(); ++i) {
      TRY_ASSIGN(const ValueId value, functional.value(roots[i], output_calls[i]));
      outputs.push_back(value);
      if (nesting == 0) output_names_.push_back(output_calls[i].layer);
    }
    return outputs;
  }

  Result<void> import_calls(Functional& functional, const std::vector<uint32_t>& roots, int nesting) {
    std::vector<std::vector<uint32_t>> needs(functional.vertices.size());
    for (size_t i = 0; i < functional.vertices.size(); ++i) {
      Vertex& vertex = functional.vertices[i];
      if (!vertex.values.empty()) continue;
      TRY_ASSIGN(const std::string_view name, name_of(functional.layers[vertex.layer]));
      const std::string label = "layer '" + std::string(name) + "'";
      for (const Call& call : vertex.inputs) {
        TRY_ASSIGN(const uint32_t source, functional.find(call, label));
        vertex.sources.push_back(source);
      }
      needs[i] = vertex.sources;
    }
    const ImportOrder order = import_order(needs, roots);
    if (order.cycle != UINT32_MAX) {
      TRY_ASSIGN(const std::string_view name,
                 name_of(functional.layers[functional.vertices[order.cycle].layer]));
      return fail(ErrorCode::Cycle, "layer '%.*s' depends on itself", length_of(name), name.data());
    }
    for (const uint32_t index : order.nodes) {
      Vertex& vertex = functional.vertices[index];
      if (!vertex.values.empty()) continue;
      std::vector<ValueId> inputs;
      for (size_t i = 0; i < vertex.inputs.size(); ++i) {
        TRY_ASSIGN(const ValueId value, functional.value(vertex.sources[i], vertex.inputs[i]));
        inputs.push_back(value);
      }
      TRY_ASSIGN(vertex.values, import_layer(functional.layers[vertex.layer], std::move(inputs), nesting));
    }
    return {};
  }

  Weights& weights_;
  const TfjsOptions& options_;
  Builder builder_;
  std::vector<std::string_view> output_names_;
};

}  // namespace

Json find_layers_model(Json root) {
  const Json topology = root["modelTopology"];
  if (topology["node"]) return {};
  // Converted models hold the configuration within; those saved from JavaScript may be it.
  const Json config = topology["model_config"];
  if (config.is_object()) return config;
  return topology["class_name"] ? topology : Json();
}

Result<Graph> import_layers_model(Json model, Weights& weights, const TfjsOptions& options) {
  return LayersImporter(weights, options).run(model);
}

}  // namespace linnet
