// Views of memory that somebody else owns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ktls {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

}  // namespace ktls
