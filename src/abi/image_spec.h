// The ImageSpec of the boundary, as vision takes it.
#pragma once

#include "abi/layout.h"
#include "base/result.h"
#include "vision/preprocess.h"

namespace linnet::abi {

// How an image becomes an input. Fails with InvalidArgument for a name or a crop that there is not.
Result<PreprocessSpec> preprocess_spec(const ImageSpec& image);

}  // namespace linnet::abi
