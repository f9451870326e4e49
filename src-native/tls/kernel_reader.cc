#include "tls/kernel_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>

#include "tls/kernel_socket.h"
#include "tls/key_schedule.h"

namespace ktls::tls {

KernelReader::KernelReader(int fd, const TrafficState& state, bool rekey)
    : fd_(fd), state_(state), rekey_(rekey) {}

KernelReader::~KernelReader() { explicit_bzero(&state_, sizeof state_); }

Result<RecordReader::Received> KernelReader::read(MutableBytes into) {
  if (!failure_.ok()) return failure_;
  if (leftover_.empty()) {
    if (into.size() >= kMaxPlaintext) return receive(into);
    // With less, the kernel would hand out a control record in pieces.
    if (!staging_) staging_.reset(new uint8_t[kMaxPlaintext]);
    Result<Received> received = receive({staging_.get(), kMaxPlaintext});
    if (!received.ok() || received->type != ContentType::application_data) return received;
    leftover_ = {staging_.get(), received->length};
  }
  const size_t length = std::min(leftover_.size(), into.size());
  memcpy(into.data(), leftover_.data(), length);
  leftover_ = leftover_.subspan(length);
  return Received{ContentType::application_data, length, {}};
}

// At a control record the kernel says EINVAL and keeps it. That, an end and every error are left to read().
Result<size_t> KernelReader::splice_to(int pipe, size_t count) {
  if (!failure_.ok() || !leftover_.empty()) return Status::of(Code::unsupported);
  const ssize_t moved = splice(fd_, nullptr, pipe, nullptr, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved > 0) return static_cast<size_t>(moved);
  return Status::of(moved < 0 && errno == EAGAIN ? Code::would_block : Code::unsupported);
}

Status KernelReader::update_key() {
  if (!rekey_) {
    return Status::fail(Code::key_update_unsupported,
                        "the peer changed its keys, and this kernel cannot follow (Linux 6.14 can)");
  }
  KTLS_TRY(advance_secret(state_));
  return install_key(fd_, KernelDirection::rx, state_);
}

// Always with room for the record's type: without, a control record is an error to the kernel.
Result<RecordReader::Received> KernelReader::receive(MutableBytes into) {
  for (;;) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(uint8_t))];
    iovec part = {into.data(), into.size()};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t received = recvmsg(fd_, &message, MSG_DONTWAIT);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return failed(errno);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    const bool typed =
        header != nullptr && header->cmsg_level == SOL_TLS && header->cmsg_type == TLS_GET_RECORD_TYPE;
    const auto type = typed ? static_cast<ContentType>(*CMSG_DATA(header)) : ContentType::application_data;
    const auto length = static_cast<size_t>(received);
    if (length > 0) {
      empty_ = 0;
      if (type == ContentType::application_data) return Received{type, length, {}};
      return Received{type, 0, into.first(length)};
    }
    // An empty record has a type, which the end of the stream has not.
    if (!typed) return Status::of(Code::end_of_stream);
    if (type != ContentType::application_data) return refuse("a control record is empty");
    if (++empty_ > kMaxEmptyRecords) return refuse("too many empty records in a row");
  }
}

Status KernelReader::refuse(const char* what) {
  alert_ = AlertDescription::unexpected_message;
  failure_ = Status::fail(Code::bad_record, what);
  return failure_;
}

Status KernelReader::failed(int error_number) {
  switch (error_number) {
    case EAGAIN:
      return Status::of(Code::would_block);
    case EBADMSG:
      alert_ = AlertDescription::bad_record_mac;
      failure_ =
          Status::fail(Code::bad_record_mac, "a record failed authentication: bytes were changed on the way");
      break;
    case EMSGSIZE:
      alert_ = AlertDescription::record_overflow;
      failure_ = Status::fail(Code::bad_record, "a record is longer than TLS allows");
      break;
    case EINVAL:
      alert_ = AlertDescription::unexpected_message;
      failure_ = Status::fail(Code::bad_record, "what came is not a protected TLS record");
      break;
    case EKEYEXPIRED:
      failure_ = Status::fail(Code::key_update_unsupported,
                              "the peer changed its keys, and the kernel did not get the new ones");
      break;
    default:
      return Status::system("recvmsg", error_number);
  }
  // The kernel failed the whole socket, sending too. Fetching that error clears it, and an alert can go out.
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  return failure_;
}

}  // namespace ktls::tls
