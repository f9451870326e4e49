// The process' file mode creation mask.
#pragma once

#include <cstdint>

namespace ktls::fs {

// Read without changing it, as umask(2) would for all threads: from /proc/self/status (Linux 4.7).
// 0777 where that cannot be read, so that every mode is set explicitly.
uint32_t process_umask();

}  // namespace ktls::fs
