// One end of a relay: a connected stream socket, with or without TLS on it.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/status.h"

namespace ktls::relay {

// Never blocks. `would_block` from any call means that epoll will report when to try again.
class End {
 public:
  virtual ~End() = default;

  virtual int fd() const = 0;
  // Whether the socket itself carries the bytes, so that the kernel may connect it to another.
  virtual bool is_plain() const = 0;
  // Whether bytes that arrive here can be moved into a pipe, and bytes in a pipe sent from here,
  // without user space seeing them.
  virtual bool can_splice_out() const = 0;
  virtual bool can_splice_in() const = 0;

  // end_of_stream when the peer will send no more.
  virtual Result<size_t> read(MutableBytes into) = 0;
  // At least one byte is accepted, or would_block.
  virtual Result<size_t> write(Bytes data) = 0;
  // As read() and write(), through a pipe. splice_to() may give would_block because the pipe is
  // full: only with an empty pipe does it mean that nothing is there. When what comes next can only
  // be read (a control record), splice_to() gives unsupported: call read() once.
  virtual Result<size_t> splice_to(int pipe, size_t count) = 0;
  virtual Result<size_t> splice_from(int pipe, size_t count) = 0;
  // ok when everything written is with the kernel.
  virtual Status flush() = 0;
  // Tells the peer that nothing more comes: close_notify where there is TLS, then FIN. The other
  // direction goes on. would_block: call again.
  virtual Status finish() = 0;
  // Whether read() would return something that epoll cannot see.
  virtual bool has_buffered() const = 0;

  // What epoll last said; cleared by whoever met would_block. Both start as true: the first try
  // finds out.
  bool readable = true;
  bool writable = true;
  // epoll saw the peer's end: it will not wake us for what is still to be read.
  bool peer_ended = false;
};

// Takes a connected stream socket, makes it non-blocking and turns Nagle's algorithm off.
// invalid_option when it is something else.
Result<std::unique_ptr<End>> plain_end(Fd socket);

// Closes with a reset instead of an orderly end, so that the peer cannot take it for one.
void reset_on_close(int fd);

}  // namespace ktls::relay
