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
  if (!hash_) return;
  uint8_t nonce[tls::ContentHash::kNonceLength] = {};
  count_++;
  for (size_t i = 0; i < sizeof count_; i++) nonce[i] = static_cast<uint8_t>(count_ >> (8 * (7 - i)));
  error_ = hash_->reset(nonce);
}

void FileHash::update(Bytes data) {
  if (hash_ && error_.ok() && !data.empty()) error_ = hash_->update(data);
}

Status FileHash::finish(uint8_t* out) {
  if (hash_ && error_.ok()) error_ = hash_->finish(out);
  return error_;
}

Status FileHash::check(Bytes received) {
  if (received.size() != length()) return wire::malformed("FILE_END or BLOCK_END");
  uint8_t own[wire::kHashLength];
  KTLS_TRY(finish(own));
  if (received.empty() || std::memcmp(own, received.data(), sizeof own) == 0) return Status();
  return Status::fail(Code::integrity, "the content that arrived is not what was read at the sender");
}

}  // namespace ktls::engine
