// The hash of one file or block after the other on a connection. Both ends count them alike, so that the
// hash of one does not do for another, without a byte on the wire.
#pragma once

#include <optional>

#include "tls/content_hash.h"
#include "wire/hello.h"

namespace ktls::engine {

class FileHash {
 public:
  // `verify` false: a hash that takes no time and no place. unsupported where there is no OpenSSL.
  static Result<FileHash> create(bool verify, const wire::HashKey& key);

  // Bytes that finish() gives.
  size_t length() const { return hash_ ? wire::kHashLength : 0; }
  // Starts the next file or block.
  void reset();
  void update(Bytes data);
  // Ends it. `out` holds length() bytes.
  void finish(uint8_t* out);
  // Ends it, and compares: integrity when `received` is another hash, protocol when it is none.
  Status check(Bytes received);

 private:
  explicit FileHash(std::optional<tls::ContentHash> hash) : hash_(std::move(hash)) {}

  std::optional<tls::ContentHash> hash_;
  uint64_t count_ = 0;
};

}  // namespace ktls::engine
