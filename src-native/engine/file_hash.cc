#include "engine/file_hash.h"

#include <cstring>

namespace ktls::engine {

Result<FileHash> FileHash::create(bool verify, const wire::HashKey& key) {
  if (!verify) return FileHash(std::nullopt);
  Result<tls::ContentHash> hash = tls::ContentHash::create(key.data());
  if (!hash.ok()) return std::move(hash).status();
  return FileHash(std::move(*hash));
}

void FileHash::reset() {
  if (hash_) hash_->reset(++count_);
}

void FileHash::update(Bytes data) {
  if (hash_) hash_->update(data);
}

void FileHash::finish(uint8_t* out) {
  if (hash_) hash_->finish(out);
}

Status FileHash::check(Bytes received) {
  if (received.size() != length()) return wire::malformed("FILE_END or BLOCK_END");
  uint8_t own[wire::kHashLength];
  finish(own);
  if (received.empty() || std::memcmp(own, received.data(), sizeof own) == 0) return Status();
  return Status::fail(Code::integrity, "the content that arrived is not what was read at the sender");
}

}  // namespace ktls::engine
