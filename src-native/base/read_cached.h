// What the kernel has of a file in memory.
#pragma once

#include <sys/types.h>

#include "base/bytes.h"

namespace ktls {

// As pread(2), but never waits for a disk: -1 with EAGAIN where it would have to, with EOPNOTSUPP where the
// file system cannot tell (preadv2(2), RWF_NOWAIT). A tmpfs cannot, and is in memory.
ssize_t read_cached(int fd, MutableBytes into, off_t offset);

}  // namespace ktls
