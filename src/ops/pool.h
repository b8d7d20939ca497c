// What average and maximum pooling share.
#pragma once

#include "ops/window.h"

namespace linnet {

inline constexpr AttrDef kPoolAttrs[] = {{Attr::kernel, AttrType::Ints, true, 2}, kStridesAttr, kPadsAttr};

Result<void> infer_pool(const InferContext& context);
// The window of a pool node that the shape rule has accepted.
Window pool_window(const Attrs& attrs, const Shape& input);
// Whether the only pixel of each result sees its whole image, and nothing else.
inline bool covers_image(const Window& window) {
  const auto covers = [](const WindowAxis& axis) {
    return axis.output == 1 && axis.pad_before == 0 && axis.kernel == axis.input;
  };
  return covers(window.y) && covers(window.x);
}

// Calls `fold(channel pointer of one input pixel)` for each pixel under the window at (oy, ox), between
// `begin()` and `end(output pixel, how many pixels were inside)`.
template <class T, class Begin, class Fold, class End>
void for_each_window(const ReferenceContext& context, Begin begin, Fold fold, End end) {
  const TensorView& x = context.inputs[0];
  const Window window = pool_window(context.attrs, x.shape);
  const int32_t channels = x.shape[3];
  T* out = context.outputs[0].as<T>();
  for (int32_t n = 0; n < x.shape[0]; ++n)
    for (int32_t oy = 0; oy < window.y.output; ++oy)
      for (int32_t ox = 0; ox < window.x.output; ++ox)
        for (int32_t c = 0; c < channels; ++c) {
          int32_t inside = 0;
          auto state = begin();
          for_each_tap(window, n, oy, ox, [&](int64_t pixel, int64_t) {
            ++inside;
            fold(state, x.as<T>()[pixel * channels + c]);
          });
          *out++ = end(state, inside);
        }
}

}  // namespace linnet
