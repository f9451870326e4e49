// Opening files for reading by a path that somebody else chose.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/status.h"

namespace ktls::fs {

// `cached`: only what the kernel can look up in memory; else would_block, and `any` goes to the disk.
enum class Lookup { any, cached };

// Also opens what is no file; a FIFO does not block. The Status carries the path.
Result<Fd> open_file(const std::string& path, Lookup lookup);

// The same for a path relative to the directory `root`, and confined to it: `..`, an absolute path or a
// symlink that leads out of it is EXDEV, even while others rename and link (openat2(2), RESOLVE_BENEATH).
// Where the kernel has no openat2, a symlink below the root is ELOOP or ENOTDIR wherever it leads.
Result<Fd> open_file_beneath(const std::string& root, const std::string& path, Lookup lookup);

}  // namespace ktls::fs
