// POSIX access control lists, as far as they change what a new file is allowed.
#pragma once

namespace ktls::fs {

// Whether what is made in this directory gets its permissions from an ACL of the directory too: the
// mode that was asked for is then not what the file has.
bool has_default_acl(int directory);

}  // namespace ktls::fs
