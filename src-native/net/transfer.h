// Moving bytes to and from a socket without ever blocking, whatever mode the descriptor is in.
#pragma once

#include <sys/types.h>

#include "base/bytes.h"
#include "base/status.h"

namespace ktls::net {

// Each returns the bytes moved, or would_block.
Result<size_t> send_some(int socket, Bytes data);
// end_of_stream when the peer has ended its side.
Result<size_t> receive_some(int socket, MutableBytes into);
// sendfile(2), splice(2): only on a socket that is in non-blocking mode. `offset` is advanced; 0 at the
// end of the file, or of the pipe. `more` (MSG_MORE) keeps a short tail back for what follows.
Result<size_t> send_file_some(int socket, int file, off_t* offset, size_t count);
Result<size_t> splice_some(int socket, int pipe, size_t count, bool more);

}  // namespace ktls::net
