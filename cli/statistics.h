// How sure counts on a sample of photos are.
#pragma once

#include <cstddef>

namespace linnet {

// Bounds of a proportion or of a difference of two.
struct Interval {
  double low = 0, high = 0;
};

// The 95 % score interval of the proportion `count` of `total` (Wilson 1927), within [0, 1]. [0, 1] for a
// total of 0.
Interval wilson(size_t count, size_t total);

// Two models on the same photos: on how many both are right, only one of them, or neither.
struct Paired {
  size_t both = 0, only_first = 0, only_second = 0, neither = 0;
  size_t total() const { return both + only_first + only_second + neither; }
  // The second's proportion less the first's, in [-1, 1]; 0 for no photos.
  double difference() const;
};

// The 95 % interval of Paired::difference: Wilson's bounds of both proportions, joined by their correlation
// (Newcombe 1998, Statistics in Medicine 17, 2635-2650, method 10).
Interval newcombe(const Paired& counts);

// How likely the two would differ by so much either way if each photo that they disagree on were a coin's
// toss: McNemar's test by the exact binomial distribution, with the mid-p correction (Fagerland, Lydersen and
// Laake 2013).
double mcnemar(const Paired& counts);

}  // namespace linnet
