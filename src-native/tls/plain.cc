#include "tls/plain.h"

#include <errno.h>
#include <sys/socket.h>

#include "net/socket.h"
#include "net/transfer.h"

namespace ktls::tls {

namespace {

constexpr uint8_t kCloseNotify[] = {static_cast<uint8_t>(AlertLevel::warning),
                                    static_cast<uint8_t>(AlertDescription::close_notify)};

Status no_keys() {
  return Status::fail(Code::key_update_unsupported, "a connection without TLS has no keys");
}

}  // namespace

Result<size_t> PlainWriter::write(Bytes data) {
  if (data.empty()) return size_t{0};
  tail_kept_ = false;
  return net::send_some(fd_, data);
}

// A tail that was spliced with `more` would wait for a timer.
Status PlainWriter::flush() {
  if (!std::exchange(tail_kept_, false)) return {};
  return net::set_nodelay(fd_);
}

Status PlainWriter::write_control(ContentType type, Bytes content) {
  if (type != ContentType::alert || content.size() != sizeof kCloseNotify || content[1] != kCloseNotify[1]) {
    return {};
  }
  return shutdown(fd_, SHUT_WR) == 0 ? Status() : Status::system("shutdown", errno);
}

Result<size_t> PlainWriter::send_file(int file, off_t* offset, size_t count) {
  return net::send_file_some(fd_, file, offset, count);
}

Result<size_t> PlainWriter::splice_from(int pipe, size_t count, bool more) {
  tail_kept_ = more;
  return net::splice_some(fd_, pipe, count, more);
}

Status PlainWriter::update_key(bool) { return no_keys(); }

Result<RecordReader::Received> PlainReader::read(MutableBytes into) {
  Result<size_t> received = net::receive_some(fd_, into);
  if (received.is(Code::end_of_stream)) return Received{ContentType::alert, 0, kCloseNotify};
  if (!received.ok()) return received.status();
  return Received{ContentType::application_data, *received, {}};
}

Status PlainReader::update_key() { return no_keys(); }

}  // namespace ktls::tls
