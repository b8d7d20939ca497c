// Runs a model so that every value which its plan computes can be read.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "runtime/compile.h"
#include "runtime/session.h"

namespace linnet {

struct ObservedValue {
  std::string name;
  Op op;  // of the node that computes it, before quantisation
  Shape shape;
  bool codes;     // computed as codes, given dequantised
  size_t output;  // of the session
};

class Observer {
 public:
  // Compiles `graph` with every f32 value and value of codes as an output, in f32: those that the optimised
  // graph still computes, for what passes have folded into others exists no more. Asking for a value changes
  // nothing about how it is computed; where it would, for the inputs of a concatenation of codes, which share
  // a scale only while nobody else reads them, the value is left out. Fails as compile_cpu does.
  static Result<Observer> create(Graph graph, const CompileOptions& options);

  Session& session() { return *session_; }
  // In the order in which they are computed.
  std::span<const ObservedValue> values() const { return values_; }
  // The elements of values()[i], good until the next run.
  std::span<const float> elements(size_t i);

 private:
  Observer() = default;
  std::unique_ptr<Session> session_;
  std::vector<ObservedValue> values_;
};

}  // namespace linnet
