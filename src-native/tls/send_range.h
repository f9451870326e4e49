// A range of a file as application data of a connection, from a thread that may block.
#pragma once

#include <atomic>

#include "base/cancel.h"
#include "tls/connection.h"

namespace ktls::tls {

struct FileRange {
  int file;
  off_t offset;
  size_t count;
};

// Returns when the kernel has every byte. By sendfile(2) where the record layer is the kernel's, else
// through a buffer. `sent` grows with what has been accepted, also when it fails. file_changed when the
// file ends before the range does; cancelled.
Status send_range(Connection& connection, const FileRange& range, const Cancel& cancel,
                  std::atomic<uint64_t>& sent);

// The same from memory.
Status send_bytes(Connection& connection, Bytes data, const Cancel& cancel, std::atomic<uint64_t>& sent);

// Waits until nothing that was accepted is in user space any more.
Status flush_blocking(Connection& connection, const Cancel& cancel);

}  // namespace ktls::tls
