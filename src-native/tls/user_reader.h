// Our own record layer, receiving: whole records are opened straight into the caller's memory.
#pragma once

#include <memory>
#include <optional>

#include "tls/record_layer.h"
#include "tls/record_protection.h"

namespace ktls::tls {

class UserReader final : public RecordReader {
 public:
  // `fd` stays the caller's. `buffer_size`: bytes of ciphertext taken by one recv, at least one record.
  UserReader(int fd, std::unique_ptr<RecordProtection> protection, size_t buffer_size);
  ~UserReader() override;

  Placement placement() const override { return Placement::user; }
  Result<Received> read(MutableBytes into) override;
  bool can_splice_to() const override { return false; }
  Result<size_t> splice_to(int, size_t) override { return Status::of(Code::unsupported); }
  AlertDescription alert() const override { return alert_; }
  bool has_buffered() const override;
  Status update_key() override { return protection_->update_key(); }
  bool can_update_key() const override { return protection_->can_update_key(); }

 private:
  Result<Received> read_records(MutableBytes into);
  Result<Received> serve_leftover(MutableBytes into);
  struct Fault {
    AlertDescription alert;
    const char* what;
  };
  // What a header says that no record may have; nullopt where it is good.
  std::optional<Fault> find_fault(const uint8_t* header) const;
  // Length of the record at begin_, header included; 0 while it is not whole.
  Result<size_t> whole_record();
  Result<RecordProtection::Opened> open(MutableBytes record, uint8_t* into);
  Status fill();
  void give_buffer();
  Status fail(AlertDescription alert, const char* what);

  const int fd_;
  const std::unique_ptr<RecordProtection> protection_;
  const size_t capacity_;
  // Null while nothing is in it.
  std::unique_ptr<uint8_t[]> buffer_;
  // Ciphertext received and not yet opened: [begin_, end_).
  size_t begin_ = 0;
  size_t end_ = 0;
  // Content that was opened inside buffer_, before begin_, and not yet given out.
  Bytes leftover_;
  ContentType leftover_type_ = ContentType::application_data;
  // Empty records in a row.
  size_t empty_ = 0;
  Status failure_;
  AlertDescription alert_ = AlertDescription::internal_error;
};

}  // namespace ktls::tls
