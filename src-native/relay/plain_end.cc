#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "net/socket.h"
#include "relay/end.h"

namespace ktls::relay {

namespace {

Status failure(const char* syscall, int error_number) {
  if (error_number == EAGAIN) return Status::of(Code::would_block);
  return Status::system(syscall, error_number);
}

// A reset that came already explains more than the ENOTCONN it leaves.
int pending_error(int fd, int otherwise) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error != 0 ? error : otherwise;
}

class PlainEnd final : public End {
 public:
  explicit PlainEnd(Fd socket) : socket_(std::move(socket)) {}

  int fd() const override { return socket_.get(); }
  bool is_plain() const override { return true; }
  bool can_splice_out() const override { return true; }
  bool can_splice_in() const override { return true; }

  Result<size_t> read(MutableBytes into) override {
    ssize_t count = recv(fd(), into.data(), into.size(), 0);
    if (count > 0) return static_cast<size_t>(count);
    return count == 0 ? Status::of(Code::end_of_stream) : failure("read", errno);
  }

  Result<size_t> write(Bytes data) override {
    ssize_t count = send(fd(), data.data(), data.size(), MSG_NOSIGNAL);
    if (count >= 0) return static_cast<size_t>(count);
    return failure("write", errno);
  }

  Result<size_t> splice_to(int pipe, size_t count) override {
    ssize_t moved = splice(fd(), nullptr, pipe, nullptr, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved > 0) return static_cast<size_t>(moved);
    return moved == 0 ? Status::of(Code::end_of_stream) : failure("read", errno);
  }

  // Without SPLICE_F_MORE: the kernel would hold the tail back for 200 ms.
  Result<size_t> splice_from(int pipe, size_t count) override {
    ssize_t moved = splice(pipe, nullptr, fd(), nullptr, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved >= 0) return static_cast<size_t>(moved);
    return failure("write", errno);
  }

  Status flush() override { return {}; }

  Status finish() override {
    if (shutdown(fd(), SHUT_WR) == 0) return {};
    // The peer has reset meanwhile: the reading direction reports it.
    return errno == ENOTCONN ? Status() : Status::system("shutdown", errno);
  }

  bool has_buffered() const override { return false; }

 private:
  Fd socket_;
};

}  // namespace

Result<std::unique_ptr<End>> plain_end(Fd socket) {
  int type = 0;
  socklen_t length = sizeof type;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &length) != 0) {
    return Status::system("getsockopt", errno);
  }
  if (type != SOCK_STREAM) return Status::fail(Code::invalid_option, "a relay needs two stream sockets");
  sockaddr_storage peer;
  socklen_t peer_length = sizeof peer;
  if (getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &peer_length) != 0) {
    return Status::system("getpeername", pending_error(socket.get(), errno));
  }
  KTLS_TRY(net::set_nonblocking(socket.get()));
  if (peer.ss_family == AF_INET || peer.ss_family == AF_INET6) KTLS_TRY(net::set_nodelay(socket.get()));
  return std::unique_ptr<End>(new PlainEnd(std::move(socket)));
}

void reset_on_close(int fd) {
  linger abrupt{1, 0};
  // Of no effect on sockets that know no reset, such as Unix ones: they are closed all the same.
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
}

}  // namespace ktls::relay
