// Removing a tree that this program made.
#pragma once

#include "base/status.h"
#include "fs/identity.h"

namespace ktls::fs {

// Removes the directory `name` in `parent` with all that is in it, if it still is `identity`; ESTALE
// otherwise. Follows no symlink, needs two descriptors whatever the depth, and gets past directories
// whose permissions lock their owner out. Goes on after a failure and returns the first.
Status remove_tree(int parent, const char* name, Identity identity);

}  // namespace ktls::fs
