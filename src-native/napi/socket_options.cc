#include "napi/socket_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace ktls::napi {

namespace {

template <typename T>
Status set(int fd, int level, int option, const T& value) {
  if (setsockopt(fd, level, option, &value, sizeof value) == 0) return {};
  // A socket of AF_UNIX has none of TCP's options, and a net.Socket says nothing of it.
  if (level == IPPROTO_TCP && errno == EOPNOTSUPP) return {};
  return Status::system("setsockopt", errno);
}

}  // namespace

Napi::Value socket_address(Napi::Env env, int fd, bool peer) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof storage;
  auto* name = reinterpret_cast<sockaddr*>(&storage);
  if ((peer ? getpeername(fd, name, &length) : getsockname(fd, name, &length)) != 0) return env.Undefined();
  char text[INET6_ADDRSTRLEN] = {};
  uint16_t port = 0;
  if (storage.ss_family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    port = ntohs(v4->sin_port);
  } else if (storage.ss_family == AF_INET6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    port = ntohs(v6->sin6_port);
  } else {
    return env.Undefined();
  }
  Napi::Object address = Napi::Object::New(env);
  address.Set("address", text);
  address.Set("port", Napi::Number::New(env, port));
  address.Set("family", storage.ss_family == AF_INET ? "IPv4" : "IPv6");
  return address;
}

Status set_keep_alive(int fd, bool on, int idle_seconds) {
  KTLS_TRY(set(fd, SOL_SOCKET, SO_KEEPALIVE, int{on}));
  if (!on || idle_seconds <= 0) return {};
  return set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
}

Status reset_on_close(int fd) { return set(fd, SOL_SOCKET, SO_LINGER, linger{1, 0}); }

}  // namespace ktls::napi
