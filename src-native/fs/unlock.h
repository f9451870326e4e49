// Getting into directories of our own whose permissions lock their owner out.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>

#include "base/fd.h"
#include "base/status.h"

namespace ktls::fs {

struct Unlocked {
  Fd fd;
  struct stat before;  // what it was before it was unlocked
};

// Opens the directory `name` in `parent` after giving its owner all permissions on it, so that entries
// can be listed and taken out, and it can be moved itself. Follows no symlink: ENOTDIR. The Status
// carries no path.
Result<Unlocked> open_unlocked(int parent, const char* name);

// The same of one that is open already and has these attributes, where entries cannot be made in it:
// returns the mode that it had. Nothing where they can, or where it is not ours: who tries is told why.
std::optional<uint32_t> unlock(int fd, const struct stat& attributes);

}  // namespace ktls::fs
