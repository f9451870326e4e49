#include "fs/umask.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/fd.h"

namespace ktls::fs {

uint32_t process_umask() {
  constexpr uint32_t kUnknown = 0777;
  Fd fd(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  if (!fd) return kUnknown;
  char text[512];  // the second line: behind a name of at most 64 bytes
  ssize_t length = read(fd.get(), text, sizeof text - 1);
  if (length <= 0) return kUnknown;
  text[length] = '\0';
  const char* line = strstr(text, "\nUmask:");
  if (line == nullptr) return kUnknown;
  return static_cast<uint32_t>(strtoul(line + strlen("\nUmask:"), nullptr, 8)) & 0777;
}

}  // namespace ktls::fs
