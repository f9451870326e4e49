// No TLS: the same two interfaces over bare TCP, for `encryption: 'none'` with `insecure: true`.
#pragma once

#include "tls/record_layer.h"

namespace ktls::tls {

class PlainWriter final : public RecordWriter {
 public:
  explicit PlainWriter(int fd) : fd_(fd) {}

  Placement placement() const override { return Placement::none; }
  Result<size_t> write(Bytes data) override;
  Status flush() override;
  // There are no records to carry one: close_notify becomes TCP's end of stream, all else vanishes.
  Status write_control(ContentType type, Bytes content) override;
  bool can_send_file() const override { return true; }
  Result<size_t> send_file(int file, off_t* offset, size_t count) override;
  Result<size_t> splice_from(int pipe, size_t count, bool more) override;
  bool can_update_key() const override { return false; }
  Status update_key(bool request_peer) override;
  uint64_t records_under_key() const override { return 0; }
  Result<uint64_t> sequence() const override { return uint64_t{0}; }

 private:
  const int fd_;
  bool tail_kept_ = false;
};

class PlainReader final : public RecordReader {
 public:
  explicit PlainReader(int fd) : fd_(fd) {}

  Placement placement() const override { return Placement::none; }
  // TCP's end is shown as the close_notify that it stands for here.
  Result<Received> read(MutableBytes into) override;
  bool can_splice_to() const override { return false; }
  Result<size_t> splice_to(int, size_t) override { return Status::of(Code::unsupported); }
  AlertDescription alert() const override { return AlertDescription::internal_error; }
  bool has_buffered() const override { return false; }
  Status update_key() override;
  bool can_update_key() const override { return false; }

 private:
  const int fd_;
};

}  // namespace ktls::tls
