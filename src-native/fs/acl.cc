#include "fs/acl.h"

#include <sys/xattr.h>

namespace ktls::fs {

bool has_default_acl(int directory) {
  return fgetxattr(directory, "system.posix_acl_default", nullptr, 0) > 0;
}

}  // namespace ktls::fs
