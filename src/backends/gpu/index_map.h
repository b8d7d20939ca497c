// How the elements of one tensor are found from those of another, as shader text.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/type.h"

namespace linnet::gpu {

// Element e of a result, at coordinates (c0, c1, ...) of its dimensions, meets element base + sum c_i *
// stride_i of a tensor. Dimensions that follow each other in memory are joined, those of size 1 left out;
// outermost first.
struct IndexMap {
  struct Dim {
    uint32_t size;
    int32_t stride;
  };
  std::vector<Dim> dims;
  int32_t base = 0;

  void add_inner(uint32_t size, int32_t stride);
  // Element e is element e.
  bool is_identity() const {
    return base == 0 && (dims.empty() || (dims.size() == 1 && dims[0].stride == 1));
  }
  // All elements are the same one.
  bool is_single() const { return dims.empty() || (dims.size() == 1 && dims[0].stride == 0); }
  // Elements e ... e + 3, where e is a multiple of 4, are four aligned neighbours / the same element.
  bool keeps_fours() const;
  bool repeats_fours() const;
};

// The map by which an operand broadcasts to a result.
IndexMap broadcast_map(const Shape& operand, const Shape& result);

}  // namespace linnet::gpu
