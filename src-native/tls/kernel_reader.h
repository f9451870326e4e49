// The kernel's record layer, receiving.
#pragma once

#include <memory>

#include "tls/record_layer.h"

namespace ktls::tls {

class KernelReader final : public RecordReader {
 public:
  // `fd`, which stays the caller's, has its TLS_RX; `state` is what went into it. `rekey`: whether the
  // kernel accepts another TLS_RX.
  KernelReader(int fd, const TrafficState& state, bool rekey);
  ~KernelReader() override;

  Placement placement() const override { return Placement::kernel; }
  Result<Received> read(MutableBytes into) override;
  bool can_splice_to() const override { return true; }
  Result<size_t> splice_to(int pipe, size_t count) override;
  AlertDescription alert() const override { return alert_; }
  bool has_buffered() const override { return !leftover_.empty(); }
  Status update_key() override;
  bool can_update_key() const override { return rekey_; }

 private:
  Result<Received> receive(MutableBytes into);
  Status refuse(const char* what);
  Status failed(int error_number);

  const int fd_;
  TrafficState state_;
  const bool rekey_;
  // For callers with less room than a record has: made at the first of them.
  std::unique_ptr<uint8_t[]> staging_;
  Bytes leftover_;  // of application data, in staging_
  // Empty records in a row that the kernel showed: some it passes over by itself.
  size_t empty_ = 0;
  Status failure_;
  AlertDescription alert_ = AlertDescription::internal_error;
};

}  // namespace ktls::tls
