// Opening directories several components below another, without ever following a symlink.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/status.h"

namespace ktls::fs {

// Opens the directory `name`, one component, in `directory`. ENOTDIR when it is anything else, a
// symlink to a directory included. The Status carries no path.
Result<Fd> open_directory(int directory, const char* name);

// Opens the directory that `names` leads to from `directory`. Every name has passed check_name() or
// came from the kernel. Any depth: paths longer than PATH_MAX are walked in pieces. A symlink on the
// way is ENOTDIR. The Status carries the path.
Result<Fd> open_beneath(int directory, const std::vector<std::string>& names);

}  // namespace ktls::fs
