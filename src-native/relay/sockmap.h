// The kernel moves bytes from socket to socket by itself: a sockmap, its parser and verdict programs.
//
// It has no backpressure: what the sink does not take piles up in kernel memory, counted by nobody.
// Whoever uses it watches the backlog.
#pragma once

#include <memory>

#include "base/fd.h"
#include "base/status.h"

namespace ktls::relay {

// Thread-safe.
class Sockmap {
 public:
  // Loads the program; needs CAP_BPF and CAP_NET_ADMIN. sockmap_unavailable.
  static Result<std::unique_ptr<Sockmap>> create();

  // Every byte that `source` has unread or receives from now on goes to `sink`.
  // sockmap_unavailable with the errno; EOPNOTSUPP means that a FIN has arrived at either.
  Status connect(int source, int sink);
  // Returns `source` to user space. What is on its way to the sink may be lost.
  void disconnect(int source);

  // What is in the maps now.
  size_t entries() const;

 private:
  Sockmap(Fd sinks, Fd sources, Fd positions)
      : sinks_(std::move(sinks)), sources_(std::move(sources)), positions_(std::move(positions)) {}

  void remove(uint64_t cookie);

  // cookie of a source → its sink: the program looks it up.
  Fd sinks_;
  // The sockets whose bytes meet the programs.
  Fd sources_;
  // cookie of a source → the sequence number of its next new byte: the parser's.
  Fd positions_;
};

// Why there is no sockmap, as a string literal.
const char* sockmap_refusal(const Status& status);

// ok when the socket is TCP without an upper layer: kTLS and sockmap exclude each other, and the
// kernel does not always say so. sockmap_unavailable.
Status check_sockmap_socket(int socket);
// What an end with TLS is told, in user space too: its bytes must pass a record layer.
Status no_sockmap_for_tls();

}  // namespace ktls::relay
