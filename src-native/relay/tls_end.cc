#include "relay/tls_end.h"

#include <errno.h>
#include <sys/socket.h>

namespace ktls::relay {

namespace {

class TlsEnd final : public End {
 public:
  explicit TlsEnd(std::unique_ptr<tls::Connection> connection) : connection_(std::move(connection)) {}

  int fd() const override { return connection_->fd(); }
  bool is_plain() const override { return false; }
  bool can_splice_out() const override { return connection_->can_splice_to(); }
  bool can_splice_in() const override { return connection_->can_send_file(); }

  Result<size_t> read(MutableBytes into) override { return connection_->read(into); }
  Result<size_t> write(Bytes data) override { return connection_->write(data); }
  Result<size_t> splice_to(int pipe, size_t count) override { return connection_->splice_to(pipe, count); }
  // Each call closes its record: bytes that wait for more to come are a stall.
  Result<size_t> splice_from(int pipe, size_t count) override {
    return connection_->splice_from(pipe, count, false);
  }
  Status flush() override { return connection_->flush(); }

  Status finish() override {
    Status finished = connection_->close_notify();
    if (finished.ok()) finished = connection_->flush();
    if (finished.is(Code::would_block)) return finished;
    // Everything but the farewell was sent: a peer that is gone misses nothing.
    if (finished.error_number() == EPIPE || finished.error_number() == ECONNRESET) return {};
    if (finished.ok() && shutdown(fd(), SHUT_WR) != 0 && errno != ENOTCONN) {
      return Status::system("shutdown", errno);
    }
    return finished;
  }

  bool has_buffered() const override { return connection_->has_buffered(); }

 private:
  std::unique_ptr<tls::Connection> connection_;
};

}  // namespace

std::unique_ptr<End> tls_end(std::unique_ptr<tls::Connection> connection) {
  return std::make_unique<TlsEnd>(std::move(connection));
}

}  // namespace ktls::relay
