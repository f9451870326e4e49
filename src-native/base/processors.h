// What the machine's processors have to do.
#pragma once

#include <cstdint>
#include <optional>

namespace ktls {

// Nanoseconds, since the machine started, that the processors which the calling thread may run on had nothing
// to do, added up. None where the kernel does not tell. (proc_stat(5); in steps of 10 ms.)
std::optional<uint64_t> idle_processor_time();

}  // namespace ktls
