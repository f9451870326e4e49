// Giving an entry its final name.
#pragma once

#include "base/status.h"

namespace ktls::fs {

// Renames, and fails with EEXIST when `to` is there already, at no moment replacing it: renameat2
// with RENAME_NOREPLACE. Where the file system has no such thing (NFS), a file is linked and then
// unlinked, which is as safe; a directory is renamed after a look, so that an empty one that appears
// in between is lost. The Status carries no path.
Status rename_new(int from_directory, const char* from, int to_directory, const char* to);

}  // namespace ktls::fs
