// Metadata as the file system has it, and as it travels.
#pragma once

#include <sys/stat.h>

#include "fs/metadata.h"
#include "wire/entry.h"

namespace ktls::engine {

// With the owner that it has here, whoever asks for owners: the receiver goes by it for set-ID bits too.
wire::Attributes to_wire(const fs::Metadata& metadata);
wire::Attributes to_wire(const struct stat& attributes);
fs::Metadata from_wire(const wire::Attributes& attributes);

}  // namespace ktls::engine
