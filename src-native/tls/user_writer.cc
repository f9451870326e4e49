#include "tls/user_writer.h"

#include <algorithm>

#include "net/transfer.h"
#include "tls/handshake_message.h"
#include "tls/spare_buffer.h"

namespace ktls::tls {

namespace {

// Behind a full batch there is still room for an alert and a few KeyUpdates.
constexpr size_t kControlReserve = 256;

Status no_send_file() {
  return Status::fail(Code::unsupported, "sendfile and splice need the kernel's record layer");
}

thread_local SpareBuffer spare;

}  // namespace

UserWriter::UserWriter(int fd, std::unique_ptr<RecordProtection> protection, size_t batch)
    : fd_(fd),
      protection_(std::move(protection)),
      batch_records_(std::max<size_t>(1, batch / (kMaxPlaintext + protection_->overhead()))),
      capacity_(batch_records_ * (kMaxPlaintext + protection_->overhead()) + kControlReserve) {}

UserWriter::~UserWriter() { spare.give(std::move(buffer_), capacity_); }

Result<size_t> UserWriter::write(Bytes data) {
  KTLS_TRY(flush());
  size_t accepted = 0;
  for (size_t i = 0; i < batch_records_ && accepted < data.size(); ++i) {
    Bytes content = data.subspan(accepted, std::min(kMaxPlaintext, data.size() - accepted));
    KTLS_TRY(append(ContentType::application_data, content));
    accepted += content.size();
  }
  if (Status sent = flush(); !sent.ok() && !sent.is(Code::would_block)) return sent;
  return accepted;
}

Status UserWriter::flush() {
  while (begin_ < end_) {
    Result<size_t> sent = net::send_some(fd_, {buffer_.get() + begin_, end_ - begin_});
    if (!sent.ok()) return sent.status();
    begin_ += *sent;
  }
  begin_ = end_ = 0;
  spare.give(std::move(buffer_), capacity_);
  return {};
}

Status UserWriter::write_control(ContentType type, Bytes content) {
  if (content.size() > kMaxPlaintext)
    return Status::fail(Code::invalid_option, "a control record is too long");
  if (Status sent = flush(); !sent.ok() && !sent.is(Code::would_block)) return sent;
  if (capacity_ - end_ < content.size() + protection_->overhead()) return Status::of(Code::would_block);
  KTLS_TRY(append(type, content));
  if (Status sent = flush(); !sent.ok() && !sent.is(Code::would_block)) return sent;
  return {};
}

Result<size_t> UserWriter::send_file(int, off_t*, size_t) { return no_send_file(); }

Result<size_t> UserWriter::splice_from(int, size_t, bool) { return no_send_file(); }

Status UserWriter::update_key(bool request_peer) {
  KTLS_TRY(write_control(ContentType::handshake, KeyUpdateMessage(request_peer).bytes));
  return protection_->update_key();
}

// Precondition: there is room.
Status UserWriter::append(ContentType type, Bytes content) {
  if (!buffer_) buffer_ = spare.take(capacity_);
  KTLS_TRY(protection_->seal(type, content, buffer_.get() + end_));
  end_ += content.size() + protection_->overhead();
  return {};
}

}  // namespace ktls::tls
