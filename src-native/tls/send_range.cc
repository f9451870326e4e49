#include "tls/send_range.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "net/wait.h"

namespace ktls::tls {

namespace {

// Bounds how long one sendfile(2) holds the connection's lock; whole records.
constexpr size_t kSendfileChunk = 1024 * 1024;
constexpr size_t kBuffer = 256 * 1024;

Status wait_writable(const Connection& connection, const Cancel& cancel) {
  Result<short> ready = net::wait(connection.fd(), POLLOUT, cancel, Deadline::never());
  return ready.ok() ? Status() : ready.status();
}

Status file_ended(size_t missing) {
  return Status::fail(Code::file_changed, "the file ended " + std::to_string(missing) +
                                              " bytes before the range that was to be sent");
}

Status by_sendfile(Connection& connection, FileRange range, const Cancel& cancel,
                   std::atomic<uint64_t>& sent) {
  while (range.count > 0) {
    if (cancel.is_set()) return Status::of(Code::cancelled);
    Result<size_t> moved =
        connection.send_file(range.file, &range.offset, std::min(range.count, kSendfileChunk));
    if (moved.is(Code::would_block)) {
      KTLS_TRY(wait_writable(connection, cancel));
      continue;
    }
    if (!moved.ok()) return moved.status();
    if (*moved == 0) return file_ended(range.count);
    range.count -= *moved;
    sent += *moved;
  }
  return {};
}

Status by_copy(Connection& connection, FileRange range, const Cancel& cancel, std::atomic<uint64_t>& sent) {
  const size_t capacity = std::min(range.count, kBuffer);
  const std::unique_ptr<uint8_t[]> buffer(new uint8_t[capacity]);
  while (range.count > 0) {
    ssize_t got = pread(range.file, buffer.get(), std::min(range.count, capacity), range.offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::system("pread", errno);
    if (got == 0) return file_ended(range.count);
    KTLS_TRY(send_bytes(connection, {buffer.get(), static_cast<size_t>(got)}, cancel, sent));
    range.offset += got;
    range.count -= got;
  }
  return {};
}

}  // namespace

Status send_bytes(Connection& connection, Bytes data, const Cancel& cancel, std::atomic<uint64_t>& sent) {
  while (!data.empty()) {
    if (cancel.is_set()) return Status::of(Code::cancelled);
    Result<size_t> accepted = connection.write(data);
    if (accepted.is(Code::would_block)) {
      KTLS_TRY(wait_writable(connection, cancel));
      continue;
    }
    if (!accepted.ok()) return accepted.status();
    data = data.subspan(*accepted);
    sent += *accepted;
  }
  return {};
}

Status flush_blocking(Connection& connection, const Cancel& cancel) {
  for (;;) {
    Status flushed = connection.flush();
    if (!flushed.is(Code::would_block)) return flushed;
    KTLS_TRY(wait_writable(connection, cancel));
  }
}

Status send_range(Connection& connection, const FileRange& range, const Cancel& cancel,
                  std::atomic<uint64_t>& sent) {
  Status status = connection.can_send_file() ? by_sendfile(connection, range, cancel, sent)
                                             : by_copy(connection, range, cancel, sent);
  // Also after a failure: what was accepted must not stay behind in an open record.
  Status flushed = flush_blocking(connection, cancel);
  return status.ok() ? flushed : status;
}

}  // namespace ktls::tls
