// Writing all of a buffer to a file.
#pragma once

#include "base/bytes.h"
#include "base/status.h"

namespace ktls::fs {

// At the file's position. The Status carries no path.
Status write_all(int fd, Bytes data);
// At `offset`; the file's position stays.
Status write_all_at(int fd, Bytes data, uint64_t offset);

}  // namespace ktls::fs
