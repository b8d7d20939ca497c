// The algebra of vectors: the members of ScalarAlgebra (graph/algebra.h) over simd::V. Transcendental
// functions are within a few units in the last place on the ranges that networks use.
#pragma once

#include "simd/simd.h"

namespace linnet::simd {

// 1 in the lanes where `mask` is set, else 0.
inline V ones_where(VI mask) {
  return (V)(mask & (VI)splat(1.0f));
}

inline V floor(V x) {
  return __builtin_elementwise_floor(x);
}

// e^x, 0 where that is below the normal numbers: x = n ln 2 + r with |r| <= ln 2 / 2, then the Taylor series
// of e^r to the 7th power, scaled by 2^n through the exponent bits.
inline V exp(V x) {
  const V clamped = max(min(x, splat(88.72284f)), splat(-87.33655f));
  const V n = floor(multiply_add(clamped, splat(1.44269504f), splat(0.5f)));
  // ln 2 in two parts, so that n * ln 2 is taken away without loss (Cody and Waite 1980).
  V r = multiply_add(n, splat(-0.693359375f), clamped);
  r = multiply_add(n, splat(2.12194440e-4f), r);
  V p = splat(1.0f / 5040);
  p = multiply_add(p, r, splat(1.0f / 720));
  p = multiply_add(p, r, splat(1.0f / 120));
  p = multiply_add(p, r, splat(1.0f / 24));
  p = multiply_add(p, r, splat(1.0f / 6));
  p = multiply_add(p, r, splat(0.5f));
  p = multiply_add(p, r, splat(1.0f));
  p = multiply_add(p, r, splat(1.0f));
  // In two halves: 2^128 has no float of its own.
  const VI whole = __builtin_convertvector(n, VI);
  const VI half = whole >> 1;
  const V low = (V)((half + 127) << 23), high = (V)((whole - half + 127) << 23);
  const V result = p * low * high;
  const V not_small = x < splat(-87.33655f) ? splat(0.0f) : result;
  const V not_large = x > splat(88.72284f) ? splat(__builtin_inff()) : not_small;
  return x == x ? not_large : x;
}

// ln x for x > 0; -inf for 0, NaN below. x = m 2^e with m in [sqrt 1/2, sqrt 2), then ln m = 2
// artanh((m-1)/(m+1)).
inline V log(V x) {
  // Subnormal numbers have no exponent of their own.
  const VI subnormal = x < splat(0x1p-126f);
  const VI bits = (VI)(subnormal ? x * splat(0x1p23f) : x);
  // All ones, that is -1, where the mantissa is above that of sqrt 2: those take the next exponent.
  const VI above = (bits & 0x7fffff) > 0x3504f3;
  const VI exponent = ((bits >> 23) & 0xff) - 127 - above - (subnormal & 23);
  const V m = (V)((bits & 0x7fffff) | ((127 + above) << 23));
  const V t = (m - splat(1.0f)) / (m + splat(1.0f));
  const V t2 = t * t;
  V p = splat(2.0f / 9);
  p = multiply_add(p, t2, splat(2.0f / 7));
  p = multiply_add(p, t2, splat(2.0f / 5));
  p = multiply_add(p, t2, splat(2.0f / 3));
  p = multiply_add(p, t2, splat(2.0f));
  const V e = __builtin_convertvector(exponent, V);
  const V result = multiply_add(e, splat(0.693359375f), multiply_add(e, splat(-2.12194440e-4f), p * t));
  const V with_zero = x == splat(0.0f) ? splat(-__builtin_inff()) : result;
  const V with_infinity = x == splat(__builtin_inff()) ? x : with_zero;
  return x >= splat(0.0f) ? with_infinity : splat(__builtin_nanf(""));
}

// sin(x + quarter * pi / 2): reduced to |r| <= pi / 4 by multiples of pi / 2 in three parts, then Taylor
// series.
inline V sin_quarter(V x, int quarter) {
  const V n = floor(multiply_add(x, splat(0.636619772f), splat(0.5f)));
  V r = multiply_add(n, splat(-1.5703125f), x);
  r = multiply_add(n, splat(-4.837512969970703125e-4f), r);
  r = multiply_add(n, splat(-7.54978995489188216e-8f), r);
  const V r2 = r * r;
  V s = splat(1.0f / 362880);
  s = multiply_add(s, r2, splat(-1.0f / 5040));
  s = multiply_add(s, r2, splat(1.0f / 120));
  s = multiply_add(s, r2, splat(-1.0f / 6));
  s = multiply_add(s * r2, r, r);
  V c = splat(1.0f / 40320);
  c = multiply_add(c, r2, splat(-1.0f / 720));
  c = multiply_add(c, r2, splat(1.0f / 24));
  c = multiply_add(c, r2, splat(-0.5f));
  c = multiply_add(c, r2, splat(1.0f));
  const VI turns = __builtin_convertvector(n, VI) + quarter;
  const V value = (turns & 1) != 0 ? c : s;
  return (turns & 2) != 0 ? -value : value;
}

// Odd Taylor series near 0, where the exponential form would cancel.
inline V tanh(V x) {
  const V magnitude = x < splat(0.0f) ? -x : x;
  const V x2 = x * x;
  V p = splat(62.0f / 2835);
  p = multiply_add(p, x2, splat(-17.0f / 315));
  p = multiply_add(p, x2, splat(2.0f / 15));
  p = multiply_add(p, x2, splat(-1.0f / 3));
  const V near = multiply_add(p * x2, x, x);
  const V far = splat(1.0f) - splat(2.0f) / (exp(magnitude + magnitude) + splat(1.0f));
  const V signed_far = x < splat(0.0f) ? -far : far;
  return magnitude < splat(0.3f) ? near : signed_far;
}

// x^y by |x|^y = e^(y ln |x|); a negative x takes whole powers only.
inline V pow(V x, V y) {
  const V magnitude = exp(y * log((V)((VI)x & 0x7fffffff)));
  const V power = y == splat(0.0f) ? splat(1.0f) : magnitude;
  const V half = y * splat(0.5f);
  const V negated = floor(half) != half ? -power : power;
  const V of_negative = floor(y) == y ? negated : splat(__builtin_nanf(""));
  return x < splat(0.0f) ? of_negative : power;
}

struct VectorAlgebra {
  static V k(double c) { return splat(static_cast<float>(c)); }
  static V min(V a, V b) { return simd::min(a, b); }
  static V max(V a, V b) { return simd::max(a, b); }
  static V abs(V a) { return (V)((VI)a & 0x7fffffff); }
  static V sqrt(V a) { return __builtin_elementwise_sqrt(a); }
  static V exp(V a) { return simd::exp(a); }
  static V log(V a) { return simd::log(a); }
  static V sin(V a) { return sin_quarter(a, 0); }
  static V cos(V a) { return sin_quarter(a, 1); }
  static V tanh(V a) { return simd::tanh(a); }
  static V pow(V a, V b) { return simd::pow(a, b); }
  static V floor(V a) { return simd::floor(a); }
  static V ceil(V a) { return __builtin_elementwise_ceil(a); }
  static V round(V a) { return __builtin_elementwise_roundeven(a); }
  static V eq(V a, V b) { return ones_where(a == b); }
  static V lt(V a, V b) { return ones_where(a < b); }
  static V le(V a, V b) { return ones_where(a <= b); }
  static V gt(V a, V b) { return ones_where(a > b); }
  static V ge(V a, V b) { return ones_where(a >= b); }
  static V select(V c, V a, V b) { return c != splat(0.0f) ? a : b; }
};

}  // namespace linnet::simd
