// Base64 as RFC 4648 has it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace linnet {

// The bytes that `text` stands for, in the standard alphabet; padding may be absent. Nothing where `text`
// holds another character or has an impossible length.
std::optional<std::string> decode_base64(std::string_view text);
// `bytes` in the standard alphabet, padded.
std::string encode_base64(std::string_view bytes);

}  // namespace linnet
