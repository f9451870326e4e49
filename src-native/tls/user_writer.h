// Our own record layer, sending: records are sealed in batches, then sent in one call.
#pragma once

#include <memory>
#include <vector>

#include "tls/record_layer.h"
#include "tls/record_protection.h"

namespace ktls::tls {

// Invariant: what lies in the buffer is sealed and in order; nothing is accepted while application
// data of an earlier write waits, so that control records always find their room.
class UserWriter final : public RecordWriter {
 public:
  // `fd` stays the caller's. `batch`: bytes of ciphertext sealed before each send, at least one record.
  UserWriter(int fd, std::unique_ptr<RecordProtection> protection, size_t batch);
  ~UserWriter() override;

  Placement placement() const override { return Placement::user; }
  Result<size_t> write(Bytes data) override;
  Status flush() override;
  Status write_control(ContentType type, Bytes content) override;
  bool can_send_file() const override { return false; }
  Result<size_t> send_file(int file, off_t* offset, size_t count) override;
  Result<size_t> splice_from(int pipe, size_t count, bool more) override;
  bool can_update_key() const override { return protection_->can_update_key(); }
  Status update_key(bool request_peer) override;
  uint64_t records_under_key() const override { return protection_->sequence(); }
  Result<uint64_t> sequence() const override { return protection_->sequence(); }

 private:
  Status append(ContentType type, Bytes content);

  const int fd_;
  const std::unique_ptr<RecordProtection> protection_;
  const size_t batch_records_;
  const size_t capacity_;
  // Null while nothing waits: of many connections, few have something to send.
  std::unique_ptr<uint8_t[]> buffer_;
  // What is sealed and not yet sent: [begin_, end_).
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace ktls::tls
