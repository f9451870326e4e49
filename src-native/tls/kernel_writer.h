// The kernel's record layer, sending: bytes go to send, sendfile or splice as they are.
#pragma once

#include "tls/record_layer.h"

namespace ktls::tls {

class KernelWriter final : public RecordWriter {
 public:
  // `fd`, which stays the caller's, is non-blocking and has its TLS_TX; `state` is what went into it.
  // `rekey`: whether the kernel accepts another TLS_TX.
  KernelWriter(int fd, const TrafficState& state, bool rekey);
  ~KernelWriter() override;

  Placement placement() const override { return Placement::kernel; }
  Result<size_t> write(Bytes data) override;
  Status flush() override;
  Status write_control(ContentType type, Bytes content) override;
  bool can_send_file() const override { return true; }
  Result<size_t> send_file(int file, off_t* offset, size_t count) override;
  Result<size_t> splice_from(int pipe, size_t count, bool more) override;
  bool can_update_key() const override { return rekey_; }
  Status update_key(bool request_peer) override;
  uint64_t records_under_key() const override;
  Result<uint64_t> sequence() const override;

 private:
  Status send_record(ContentType type, Bytes content);
  Result<size_t> pushed(Result<size_t> sent);

  const int fd_;
  TrafficState state_;
  const bool rekey_;
  // Why the kernel did not take the key that the peer was told of: nothing may follow under the old one.
  Status failure_;
  // The kernel may hold a record that it would fill up before it sends it.
  bool open_record_ = false;
};

}  // namespace ktls::tls
