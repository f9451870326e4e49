#include "tls/user_reader.h"

#include <string.h>

#include <algorithm>

#include "net/transfer.h"
#include "tls/spare_buffer.h"

namespace ktls::tls {

namespace {

thread_local SpareBuffer spare;

bool is_content_type(uint8_t type) {
  return type == static_cast<uint8_t>(ContentType::alert) ||
         type == static_cast<uint8_t>(ContentType::handshake) ||
         type == static_cast<uint8_t>(ContentType::application_data);
}

// Its header included.
size_t record_length(const uint8_t* header) { return kHeaderLength + (size_t{header[3]} << 8 | header[4]); }

}  // namespace

UserReader::UserReader(int fd, std::unique_ptr<RecordProtection> protection, size_t buffer_size)
    : fd_(fd),
      protection_(std::move(protection)),
      capacity_(std::max(buffer_size, kHeaderLength + protection_->max_fragment())) {}

UserReader::~UserReader() { give_buffer(); }

Result<RecordReader::Received> UserReader::read(MutableBytes into) {
  if (!leftover_.empty()) return serve_leftover(into);
  if (!failure_.ok()) return failure_;
  Result<Received> received = read_records(into);
  // The content of control records may lie in the buffer, until the next call.
  const bool lies_here = received.ok() && received->type != ContentType::application_data;
  if (begin_ == end_ && leftover_.empty() && !lies_here) give_buffer();
  // What the socket reports (would_block, the end, an errno) it reports again by itself.
  if (!received.ok() && (received.is(Code::bad_record) || received.is(Code::bad_record_mac))) {
    failure_ = received.status();
  }
  return received;
}

Result<RecordReader::Received> UserReader::read_records(MutableBytes into) {
  size_t got = 0;
  const auto data = [&] { return Received{ContentType::application_data, got, {}}; };
  for (;;) {
    Result<size_t> record_length = whole_record();
    if (!record_length.ok()) {
      // First what is good; whole_record() says the same again the next time.
      if (got > 0) return data();
      return record_length.status();
    }
    if (*record_length == 0) {
      if (got > 0) return data();
      KTLS_TRY(fill());
      continue;
    }
    MutableBytes record{buffer_.get() + begin_, *record_length};
    const size_t room = protection_->max_content(record.size() - kHeaderLength);
    const bool direct = room <= into.size() - got;
    if (!direct && got > 0) return data();
    uint8_t* in_place = record.data() + protection_->content_offset();
    uint8_t* target = direct ? into.data() + got : in_place;
    Result<RecordProtection::Opened> opened = open(record, target);
    if (!opened.ok()) {
      failure_ = opened.status();
      if (got > 0) return data();
      return failure_;
    }
    begin_ += record.size();
    const auto type = static_cast<ContentType>(opened->type);
    const size_t length = opened->length;
    if (type == ContentType::application_data && direct) {
      got += length;
      continue;
    }
    if (type != ContentType::application_data && got == 0) {
      return Received{type, 0, {target, length}};
    }
    if (direct) memcpy(in_place, target, length);
    leftover_ = {in_place, length};
    leftover_type_ = type;
    if (got > 0) return data();
    if (length > 0) return serve_leftover(into);
  }
}

Result<RecordReader::Received> UserReader::serve_leftover(MutableBytes into) {
  if (leftover_type_ != ContentType::application_data) {
    return Received{leftover_type_, 0, std::exchange(leftover_, {})};
  }
  const size_t length = std::min(leftover_.size(), into.size());
  memcpy(into.data(), leftover_.data(), length);
  leftover_ = leftover_.subspan(length);
  return Received{ContentType::application_data, length, {}};
}

bool UserReader::has_buffered() const {
  if (!leftover_.empty() || !failure_.ok()) return true;
  if (end_ - begin_ < kHeaderLength) return false;
  const uint8_t* header = buffer_.get() + begin_;
  return find_fault(header) || end_ - begin_ >= record_length(header);
}

std::optional<UserReader::Fault> UserReader::find_fault(const uint8_t* header) const {
  if (!protection_->may_come(header[0])) {
    return Fault{AlertDescription::unexpected_message, "a record after the handshake is not protected"};
  }
  const size_t fragment = record_length(header) - kHeaderLength;
  if (fragment > protection_->max_fragment()) {
    return Fault{AlertDescription::record_overflow, "a record is longer than TLS allows"};
  }
  if (fragment < protection_->min_fragment()) {
    return Fault{AlertDescription::decode_error, "a record is too short to be one"};
  }
  return std::nullopt;
}

Result<size_t> UserReader::whole_record() {
  if (end_ - begin_ < kHeaderLength) return size_t{0};
  const uint8_t* header = buffer_.get() + begin_;
  if (const auto fault = find_fault(header)) return fail(fault->alert, fault->what);
  const size_t length = record_length(header);
  return end_ - begin_ < length ? 0 : length;
}

Result<RecordProtection::Opened> UserReader::open(MutableBytes record, uint8_t* into) {
  Result<RecordProtection::Opened> opened = protection_->open(record, into);
  if (!opened.ok()) {
    alert_ =
        opened.is(Code::bad_record_mac) ? AlertDescription::bad_record_mac : AlertDescription::internal_error;
    return opened;
  }
  if (!is_content_type(opened->type)) {
    return fail(AlertDescription::unexpected_message, "a record has no content type that may come here");
  }
  if (opened->length > 0) {
    empty_ = 0;
  } else if (opened->type != static_cast<uint8_t>(ContentType::application_data)) {
    return fail(AlertDescription::unexpected_message, "a control record is empty");
  } else if (++empty_ > kMaxEmptyRecords) {
    return fail(AlertDescription::unexpected_message, "too many empty records in a row");
  }
  return opened;
}

// Precondition: less than one whole record is left. Ok means that bytes came.
Status UserReader::fill() {
  if (!buffer_) buffer_ = spare.take(capacity_);
  memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  Result<size_t> received = net::receive_some(fd_, {buffer_.get() + end_, capacity_ - end_});
  if (!received.ok()) return received.status();
  end_ += *received;
  return {};
}

void UserReader::give_buffer() {
  begin_ = end_ = 0;
  spare.give(std::move(buffer_), capacity_);
}

Status UserReader::fail(AlertDescription alert, const char* what) {
  alert_ = alert;
  return Status::fail(Code::bad_record, what);
}

}  // namespace ktls::tls
