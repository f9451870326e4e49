// Metadata as the file system has it, and as it travels.
#pragma once

#include <sys/stat.h>

#include "fs/metadata.h"
#include "wire/entry.h"

namespace ktls::engine {

// uid and gid travel as 0 unless `ownership` was asked for.
wire::Attributes to_wire(const fs::Metadata& metadata, bool ownership);
wire::Attributes to_wire(const struct stat& attributes, bool ownership);
fs::Metadata from_wire(const wire::Attributes& attributes);

}  // namespace ktls::engine
