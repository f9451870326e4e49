// What happens when a directory of the same name has appeared while a tree was received.
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "fs/sink.h"

namespace ktls::fs {

struct MergeOptions {
  bool overwrite = true;
  bool ownership = false;
};

// Moves all that is in the directory `from` of `parent` into the directory `to` of the same parent, one
// level after the other where both have a directory, whose attributes are then those of the one that
// came; then removes `from`. Files replace files if they may, else exists; EISDIR and ENOTDIR where a
// file and a directory meet. Stops at the first failure and leaves what is not yet moved where it is;
// attributes that are refused are told of and stop nothing. The path of each Status begins with `to`.
Status merge_directory(int parent, const std::string& from, const std::string& to,
                       const MergeOptions& options, const Cancel& cancel, const AttributesRefused& refused);

}  // namespace ktls::fs
