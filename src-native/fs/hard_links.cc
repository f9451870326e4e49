#include "fs/hard_links.h"

#include <sys/sysmacros.h>

namespace ktls::fs {

void HardLinks::resolve(const struct statx& file, const std::shared_ptr<const Directory>& directory,
                        Entry& entry) {
  if (file.stx_nlink < 2) return;
  Key key{makedev(file.stx_dev_major, file.stx_dev_minor), file.stx_ino};
  // Zero where the file system keeps no birth time.
  Known now{directory, entry.name, file.stx_nlink - 1, file.stx_btime.tv_sec, file.stx_btime.tv_nsec};
  auto [found, added] = known_.try_emplace(key, now);
  Known& first = found->second;
  const bool same =
      first.birth_seconds == now.birth_seconds && first.birth_nanoseconds == now.birth_nanoseconds;
  if (added || !same) {
    if (!added) first = std::move(now);
    entry.linked = Identity{key.device, key.inode};
    return;
  }
  entry.kind = EntryKind::hard_link;
  entry.link_directory = first.directory;
  entry.link_name = first.name;
  if (--first.names_left == 0) known_.erase(found);
}

}  // namespace ktls::fs
