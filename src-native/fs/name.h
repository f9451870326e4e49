// What a name off the wire may be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace ktls::fs {

// Our own temporary names begin with this; a peer may not use it.
inline constexpr std::string_view kTemporaryPrefix = ".ktls-transfer-";

// Linux' NAME_MAX. Bytes.
inline constexpr size_t kMaxName = 255;

// unsafe_path unless `name` is exactly one component: not empty, not "." or "..", without '/' and NUL,
// at most kMaxName bytes, and not one of our temporary names. Any other bytes are allowed: a name need
// not be UTF-8.
Status check_name(std::string_view name);

// The same for each component of a path.
Status check_names(const std::vector<std::string>& names);

}  // namespace ktls::fs
