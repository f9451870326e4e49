// A keyed hash of file content, at 19 GB/s on one thread where AES-GCM makes 4.5: NH (tls/nh.h) makes 16
// bytes of each 1,024, and two polynomials modulo the prime 2^61 - 1 (Carter and Wegman), one for either half
// of them, a hash of those. docs/protocol.md has it in full.
#pragma once

#include <array>

#include "base/bytes.h"
#include "base/status.h"
#include "tls/nh.h"

namespace ktls::tls {

// Detects a change by whoever does not hold the key, an accident above all, but for one in 2^64 or so. It is
// no message authentication code: whoever sees hashes learns about the key, so they travel encrypted.
class ContentHash {
 public:
  static constexpr size_t kKeyLength = 16;
  static constexpr size_t kLength = 16;

  // unsupported where there is no OpenSSL, whose AES stretches the key.
  static Result<ContentHash> create(const uint8_t key[kKeyLength]);

  // Starts a content. Contents under different numbers, from 1, have different hashes.
  void reset(uint64_t number);
  void update(Bytes data);
  // Ends it. reset() comes next.
  void finish(uint8_t out[kLength]);

 private:
  // Where a polynomial is evaluated.
  struct Point {
    uint64_t point;
    uint64_t square;
  };
  using Points = std::array<Point, 2>;

  ContentHash(const uint8_t* nh_key, Points points) : nh_(nh_key), points_(points) {}

  void add_piece(Bytes piece);

  Nh nh_;
  Points points_;
  std::array<uint64_t, 2> values_{};  // of what there is of the polynomials
  uint64_t length_ = 0;               // of the content
  size_t partial_ = 0;                // bytes in piece_
  std::array<uint8_t, Nh::kPieceLength> piece_;
};

}  // namespace ktls::tls
