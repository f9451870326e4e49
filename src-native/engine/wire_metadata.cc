#include "engine/wire_metadata.h"

namespace ktls::engine {

wire::Attributes to_wire(const fs::Metadata& metadata, bool ownership) {
  return {static_cast<uint16_t>(metadata.mode & 07777), ownership ? metadata.uid : 0,
          ownership ? metadata.gid : 0, metadata.mtime_seconds, metadata.mtime_nanoseconds};
}

wire::Attributes to_wire(const struct stat& attributes, bool ownership) {
  return to_wire(fs::Metadata::of(attributes), ownership);
}

fs::Metadata from_wire(const wire::Attributes& attributes) {
  return {attributes.mode, attributes.uid, attributes.gid, attributes.mtime_seconds,
          attributes.mtime_nanoseconds};
}

}  // namespace ktls::engine
