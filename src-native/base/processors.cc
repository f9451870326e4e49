#include "base/processors.h"

#include <sched.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace ktls {

std::optional<uint64_t> idle_processor_time() {
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) != 0) return std::nullopt;
  std::ifstream stat("/proc/stat");
  uint64_t ticks = 0;
  bool any = false;
  for (std::string line; std::getline(stat, line) && line.starts_with("cpu");) {
    unsigned processor = 0;
    uint64_t idle = 0;
    uint64_t waiting = 0;
    // Without a number it is the line of all together.
    if (sscanf(line.c_str(), "cpu%u %*u %*u %*u %" SCNu64 " %" SCNu64, &processor, &idle, &waiting) != 3) {
      continue;
    }
    if (!CPU_ISSET(processor, &usable)) continue;
    ticks += idle + waiting;
    any = true;
  }
  if (!any) return std::nullopt;
  return ticks * (1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK)));
}

}  // namespace ktls
