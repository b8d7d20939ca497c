// A graph model's model.json, to be edited: nodes and weights are added, and everything else stays as it is.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/json_tree.h"

namespace linnet {

class ModelJson {
 public:
  // Reads the file or URL, whose content TfjsModel has accepted. Fails with InvalidArgument for a layers
  // model, and a graph model without signature: `linnet optimise` makes of either one that can be edited.
  static Result<ModelJson> read(const std::string& location);

  // The node called `name`, nullptr where there is none. Good until a node is added.
  JsonTree* find_node(std::string_view name);
  // The op of a node, and what it reads as its input `index`; empty where it does not say.
  static std::string op_of(JsonTree& node);
  static std::string input_of(JsonTree& node, size_t index);
  // Has `node` read what node `name` computes as its input `index`.
  static void set_input(JsonTree& node, size_t index, std::string_view name);

  // The name of the node that computes what the signature calls `output`; empty where there is none.
  std::string node_of_output(std::string_view output);
  // Has the signature's `output` be what node `name` computes.
  void set_output(std::string_view output, std::string_view name);

  // A name that no node has: `base` itself, or with a number after it.
  std::string free_name(std::string_view base);
  // Adds a node of f32, of an op that takes attribute T alone.
  void add_node(std::string_view name, std::string_view op, const std::vector<std::string>& inputs);
  // Adds a constant with one dimension, whose elements go to the new weight file.
  void add_constant(std::string_view name, std::span<const float> elements);

  // Sets dimensions 1 and 2 of the placeholder that the signature calls `input`. Fails with MalformedModel
  // where it does not say four dimensions.
  Result<void> set_image_size(std::string_view input, int height, int width);

  // Removes userDefinedMetadata.linnet.`key`. Was it there?
  bool remove_linnet_metadata(std::string_view key);

  // The document as it is now, without the new weights.
  std::string text() const { return tree_.write(); }
  // Writes `directory`/`file`, and before it the file of the new weights, if any. Gives its path.
  Result<std::string> write(const std::string& directory, const std::string& file);

 private:
  explicit ModelJson(JsonTree tree) : tree_(std::move(tree)) {}
  std::vector<JsonTree>& nodes() { return tree_.find_path({"modelTopology", "node"})->elements(); }
  // The signatures, of which a model may have several, in the order in which readers prefer them.
  std::vector<JsonTree*> signatures();
  std::string node_of_port(const char* ports, std::string_view port);
  // A name for a weight file that no group has.
  std::string free_file(std::string_view stem);
  // Writes them as a group of their own.
  Result<void> write_new_weights(const std::string& directory);

  JsonTree tree_;
  JsonTree new_weights_ = JsonTree::array();
  std::string new_bytes_;
};

}  // namespace linnet
