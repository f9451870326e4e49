// Which errors of system calls are the process's own, or the machine's, and not those of the file that they
// befell.
#pragma once

#include <errno.h>

namespace ktls {

// Going on would fail at whatever comes next as well.
inline bool is_exhaustion(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

}  // namespace ktls
