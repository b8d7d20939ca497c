#include "cli/model_json.h"

#include <algorithm>
#include <filesystem>

#include "cli/io.h"

namespace linnet {
namespace {

constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;

std::string text_of(JsonTree* value) {
  return value != nullptr && value->kind() == JsonTree::Kind::String ? value->text() : std::string();
}

// "node" of "node:0".
std::string_view without_index(std::string_view tensor) {
  return tensor.substr(0, tensor.rfind(':'));
}

// {"type": "DT_FLOAT"}
JsonTree float_type() {
  JsonTree type = JsonTree::object();
  type.set("type", JsonTree::string("DT_FLOAT"));
  return type;
}

}  // namespace

Result<ModelJson> ModelJson::read(const std::string& location) {
  TRY_ASSIGN(const Buffer buffer, read_location(location, kMaxJsonBytes));
  auto tree = JsonTree::parse(as_text(buffer));
  if (!tree) return std::unexpected(tree.error().within(location));
  ModelJson json(std::move(*tree));
  const char* hint = "run 'linnet optimise' on it first";
  if (JsonTree* list = json.tree_.find_path({"modelTopology", "node"}); list == nullptr || !list->is_array())
    return fail(ErrorCode::InvalidArgument, "%s: a layers model cannot be edited; %s", location.c_str(),
                hint);
  if (json.signatures().empty())
    return fail(ErrorCode::InvalidArgument, "%s: the model has no signature; %s", location.c_str(), hint);
  return json;
}

std::vector<JsonTree*> ModelJson::signatures() {
  std::vector<JsonTree*> found;
  for (JsonTree* parent : {tree_.find("userDefinedMetadata"), &tree_, tree_.find("modelTopology")}) {
    if (parent == nullptr) continue;
    if (parent->find_path({"signature", "outputs"}) != nullptr) found.push_back(parent->find("signature"));
  }
  return found;
}

JsonTree* ModelJson::find_node(std::string_view name) {
  const auto found =
      std::ranges::find_if(nodes(), [&](JsonTree& node) { return text_of(node.find("name")) == name; });
  return found == nodes().end() ? nullptr : &*found;
}

std::string ModelJson::op_of(JsonTree& node) {
  return text_of(node.find("op"));
}

std::string ModelJson::input_of(JsonTree& node, size_t index) {
  JsonTree* inputs = node.find("input");
  return inputs != nullptr && index < inputs->elements().size() ? text_of(&inputs->elements()[index])
                                                                : std::string();
}

void ModelJson::set_input(JsonTree& node, size_t index, std::string_view name) {
  node.find("input")->elements()[index] = JsonTree::string(name);
}

std::string ModelJson::node_of_port(const char* ports, std::string_view port) {
  for (JsonTree* signature : signatures()) {
    JsonTree* entry = signature->find_path({ports, port});
    if (entry == nullptr) continue;
    const std::string name = text_of(entry->find("name"));
    return std::string(without_index(name.empty() ? port : name));
  }
  return {};
}

std::string ModelJson::node_of_output(std::string_view output) {
  return node_of_port("outputs", output);
}

void ModelJson::set_output(std::string_view output, std::string_view name) {
  for (JsonTree* signature : signatures()) {
    JsonTree* entry = signature->find_path({"outputs", output});
    if (entry != nullptr && entry->is_object())
      entry->set("name", JsonTree::string(std::string(name) + ":0"));
  }
}

std::string ModelJson::free_name(std::string_view base) {
  std::string name(base);
  for (int i = 1; find_node(name) != nullptr; ++i) name = std::string(base) + "_" + std::to_string(i);
  return name;
}

void ModelJson::add_node(std::string_view name, std::string_view op, const std::vector<std::string>& inputs) {
  JsonTree node = JsonTree::object();
  node.set("name", JsonTree::string(name));
  node.set("op", JsonTree::string(op));
  JsonTree& list = node.set("input", JsonTree::array());
  for (const std::string& input : inputs) list.push(JsonTree::string(input));
  node.set("attr", JsonTree::object()).set("T", float_type());
  nodes().push_back(std::move(node));
}

void ModelJson::add_constant(std::string_view name, std::span<const float> elements) {
  const std::string size = std::to_string(elements.size());
  JsonTree node = JsonTree::object();
  node.set("name", JsonTree::string(name));
  node.set("op", JsonTree::string("Const"));
  JsonTree& attr = node.set("attr", JsonTree::object());
  attr.set("dtype", float_type());
  JsonTree& tensor = attr.set("value", JsonTree::object()).set("tensor", JsonTree::object());
  tensor.set("dtype", JsonTree::string("DT_FLOAT"));
  JsonTree& dims = tensor.set("tensorShape", JsonTree::object()).set("dim", JsonTree::array());
  dims.push(JsonTree::object()).set("size", JsonTree::string(size));
  nodes().push_back(std::move(node));

  JsonTree& weight = new_weights_.push(JsonTree::object());
  weight.set("name", JsonTree::string(name));
  weight.set("shape", JsonTree::array()).push(JsonTree::literal(size));
  weight.set("dtype", JsonTree::string("float32"));
  new_bytes_.append(reinterpret_cast<const char*>(elements.data()), elements.size_bytes());
}

Result<void> ModelJson::set_image_size(std::string_view input, int height, int width) {
  const auto set = [&](JsonTree* shape) {
    JsonTree* dims = shape != nullptr ? shape->find("dim") : nullptr;
    if (dims == nullptr || dims->elements().size() != 4) return false;
    dims->elements()[1].set("size", JsonTree::string(std::to_string(height)));
    dims->elements()[2].set("size", JsonTree::string(std::to_string(width)));
    return true;
  };
  const std::string name = node_of_port("inputs", input);
  JsonTree* node = find_node(name);
  if (node == nullptr || !set(node->find_path({"attr", "shape", "shape"})))
    return fail(ErrorCode::MalformedModel, "node '%s' does not say that its shape has four dimensions",
                name.c_str());
  for (JsonTree* signature : signatures()) set(signature->find_path({"inputs", input, "tensorShape"}));
  return {};
}

bool ModelJson::remove_linnet_metadata(std::string_view key) {
  JsonTree* linnet = tree_.find_path({"userDefinedMetadata", "linnet"});
  return linnet != nullptr && linnet->remove(key);
}

std::string ModelJson::free_file(std::string_view stem) {
  std::vector<std::string> taken;
  if (JsonTree* manifest = tree_.find("weightsManifest"))
    for (JsonTree& group : manifest->elements())
      if (JsonTree* paths = group.find("paths"))
        for (JsonTree& path : paths->elements()) taken.push_back(text_of(&path));
  std::string name = std::string(stem) + ".bin";
  for (int i = 1; std::ranges::find(taken, name) != taken.end(); ++i)
    name = std::string(stem) + "_" + std::to_string(i) + ".bin";
  return name;
}

Result<void> ModelJson::write_new_weights(const std::string& directory) {
  const std::string file = free_file("calibration");
  TRY(write_file((std::filesystem::path(directory) / file).string(), std::as_bytes(std::span(new_bytes_))));
  if (tree_.find("weightsManifest") == nullptr) tree_.set("weightsManifest", JsonTree::array());
  JsonTree& group = tree_.find("weightsManifest")->push(JsonTree::object());
  group.set("paths", JsonTree::array()).push(JsonTree::string(file));
  group.set("weights", std::exchange(new_weights_, JsonTree::array()));
  new_bytes_.clear();
  return {};
}

Result<std::string> ModelJson::write(const std::string& directory, const std::string& file) {
  if (!new_bytes_.empty()) TRY(write_new_weights(directory));
  const std::string text = tree_.write();
  const std::string path = (std::filesystem::path(directory) / file).string();
  TRY(write_file(path, std::as_bytes(std::span(text))));
  return path;
}

}  // namespace linnet
