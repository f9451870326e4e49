#include "net/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

namespace ktls::net {

namespace {

template <typename Call>
Result<size_t> moved(const char* syscall, Call call) {
  for (;;) {
    ssize_t count = call();
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Status::of(Code::would_block);
    return Status::system(syscall, errno);
  }
}

}  // namespace

Result<size_t> send_some(int socket, Bytes data) {
  return moved("send", [&] { return send(socket, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL); });
}

Result<size_t> receive_some(int socket, MutableBytes into) {
  Result<size_t> received =
      moved("recv", [&] { return recv(socket, into.data(), into.size(), MSG_DONTWAIT); });
  if (received.ok() && *received == 0) return Status::of(Code::end_of_stream);
  return received;
}

Result<size_t> send_file_some(int socket, int file, off_t* offset, size_t count) {
  return moved("sendfile", [&] { return sendfile(socket, file, offset, count); });
}

Result<size_t> splice_some(int socket, int pipe, size_t count, bool more) {
  const unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0);
  return moved("splice", [&] { return splice(pipe, nullptr, socket, nullptr, count, flags); });
}

}  // namespace ktls::net
