#include "engine/wire_metadata.h"

namespace ktls::engine {

wire::Attributes to_wire(const fs::Metadata& metadata) {
  return {static_cast<uint16_t>(metadata.mode & 07777), metadata.uid, metadata.gid, metadata.mtime_seconds,
          metadata.mtime_nanoseconds};
}

wire::Attributes to_wire(const struct stat& attributes) { return to_wire(fs::Metadata::of(attributes)); }

fs::Metadata from_wire(const wire::Attributes& attributes) {
  return {attributes.mode, attributes.uid, attributes.gid, attributes.mtime_seconds,
          attributes.mtime_nanoseconds};
}

}  // namespace ktls::engine
