// The algebra of scalars: gives the bodies of expr_ops.def their plain meaning. Vectors and shader text have
// algebras of their own with the same members.
#pragma once

#include <cmath>

#include "base/scalar_math.h"

namespace linnet {

template <class T>
struct ScalarAlgebra {
  static T k(double c) { return static_cast<T>(c); }
  static T min(T a, T b) { return b < a ? b : a; }
  static T max(T a, T b) { return a < b ? b : a; }
  static T abs(T a) { return std::abs(a); }
  static T sqrt(T a) { return std::sqrt(a); }
  static T exp(T a) { return scalar_exp(a); }
  static T log(T a) { return scalar_log(a); }
  static T sin(T a) { return scalar_sin(a); }
  static T cos(T a) { return scalar_cos(a); }
  static T tanh(T a) { return scalar_tanh(a); }
  static T pow(T a, T b) { return scalar_pow(a, b); }
  static T floor(T a) { return std::floor(a); }
  static T ceil(T a) { return std::ceil(a); }
  // Ties to even, as TensorFlow.
  static T round(T a) { return std::nearbyint(a); }
  static T eq(T a, T b) { return a == b ? T{1} : T{0}; }
  static T lt(T a, T b) { return a < b ? T{1} : T{0}; }
  static T le(T a, T b) { return a <= b ? T{1} : T{0}; }
  static T gt(T a, T b) { return a > b ? T{1} : T{0}; }
  static T ge(T a, T b) { return a >= b ? T{1} : T{0}; }
  static T select(T c, T a, T b) { return c != T{0} ? a : b; }
};

}  // namespace linnet
