// Transcendental functions in double precision: the reference's own, so that it gives the same bits on every
// target and brings no tables. Within 1e-13 of the exact value, relatively; C's special values.
#pragma once

namespace linnet {

double scalar_exp(double x);
double scalar_log(double x);
// Absolute errors of 1e-15 up to |x| = 1e6; beyond, they grow with |x|.
double scalar_sin(double x);
double scalar_cos(double x);
double scalar_tanh(double x);
double scalar_pow(double x, double y);

}  // namespace linnet
