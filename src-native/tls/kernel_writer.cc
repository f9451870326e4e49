#include "tls/kernel_writer.h"

#include <errno.h>
#include <linux/tls.h>
#include <string.h>
#include <sys/socket.h>

#include "net/socket.h"
#include "net/transfer.h"
#include "tls/handshake_message.h"
#include "tls/kernel_socket.h"
#include "tls/key_schedule.h"

namespace ktls::tls {

KernelWriter::KernelWriter(int fd, const TrafficState& state, bool rekey)
    : fd_(fd), state_(state), rekey_(rekey) {}

KernelWriter::~KernelWriter() { explicit_bzero(&state_, sizeof state_); }

Result<size_t> KernelWriter::write(Bytes data) {
  if (!failure_.ok()) return failure_;
  if (data.empty()) return size_t{0};
  Result<size_t> sent = net::send_some(fd_, data);
  if (sent.ok() && *sent == data.size()) open_record_ = false;
  return sent;
}

// A record that is left open when the socket is shut down is lost, silently; a zero-length send does
// not close it, naming a record type does.
Status KernelWriter::flush() {
  if (!open_record_) return {};
  KTLS_TRY(send_record(ContentType::application_data, {}));
  open_record_ = false;
  return {};
}

Status KernelWriter::write_control(ContentType type, Bytes content) {
  KTLS_TRY(failure_);
  KTLS_TRY(send_record(type, content));
  open_record_ = false;
  return {};
}

Result<size_t> KernelWriter::send_file(int file, off_t* offset, size_t count) {
  if (!failure_.ok()) return failure_;
  if (count == 0) return size_t{0};
  Result<size_t> sent = net::send_file_some(fd_, file, offset, count);
  if (sent.ok()) open_record_ = *sent < count;
  return pushed(std::move(sent));
}

Result<size_t> KernelWriter::splice_from(int pipe, size_t count, bool more) {
  if (!failure_.ok()) return failure_;
  if (count == 0) return size_t{0};
  Result<size_t> sent = net::splice_some(fd_, pipe, count, more);
  if (sent.ok()) open_record_ = more || *sent < count;
  return pushed(std::move(sent));
}

// The kernel hands TCP every record of a range but the last as if it were corked. Where the send buffer is
// smaller than a segment, it fills before TCP sends anything: nothing would ever make room.
Result<size_t> KernelWriter::pushed(Result<size_t> sent) {
  if (sent.is(Code::would_block)) KTLS_TRY(net::set_nodelay(fd_));
  return sent;
}

Status KernelWriter::update_key(bool request_peer) {
  if (!rekey_)
    return Status::fail(Code::key_update_unsupported, "this kernel cannot change a key (Linux 6.14 can)");
  KTLS_TRY(write_control(ContentType::handshake, KeyUpdateMessage(request_peer).bytes));
  failure_ = advance_secret(state_);
  if (failure_.ok()) failure_ = install_key(fd_, KernelDirection::tx, state_);
  return failure_;
}

uint64_t KernelWriter::records_under_key() const {
  Result<uint64_t> next = kernel_tx_sequence(fd_, state_.suite);
  // A count that cannot be had is no reason to go on.
  return next.ok() ? *next + (open_record_ ? 1 : 0) : UINT64_MAX;
}

Result<uint64_t> KernelWriter::sequence() const { return kernel_tx_sequence(fd_, state_.suite); }

// One record, whole or not at all: the kernel takes what fits a record in one piece.
Status KernelWriter::send_record(ContentType type, Bytes content) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(uint8_t))] = {};
  iovec part = {const_cast<uint8_t*>(content.data()), content.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_TLS;
  header->cmsg_type = TLS_SET_RECORD_TYPE;
  header->cmsg_len = CMSG_LEN(sizeof(uint8_t));
  *CMSG_DATA(header) = static_cast<uint8_t>(type);
  for (;;) {
    ssize_t sent = sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(content.size())) return {};
    if (sent >= 0) return Status::fail(Code::unsupported, "the kernel took a part of a control record");
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Status::of(Code::would_block);
    return Status::system("sendmsg", errno);
  }
}

}  // namespace ktls::tls
