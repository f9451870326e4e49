// NH, the universal hash at the bottom of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway: "UMAC: Fast and
// Secure Message Authentication", CRYPTO '99, section 4.2): many bytes become few, at tens of GB/s.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace ktls::tls {

// With words of 32 bits, and twice, under two keys. Over the choice of the key, two different pieces of one
// length have the same digest with a probability of at most 2^-64. The digest itself is not secret: it
// betrays the key, and is to be hashed further by something that hides it.
class Nh {
 public:
  // Of a piece; a last, shorter one is padded with zeros to a multiple of kStep, and told apart by its
  // length.
  static constexpr size_t kPieceLength = 1024;
  static constexpr size_t kStep = 32;
  static constexpr size_t kDigestLength = 16;
  static constexpr size_t kKeyLength = 2 * kPieceLength;

  explicit Nh(const uint8_t key[kKeyLength]);

  // `piece` has at most kPieceLength bytes, a multiple of kStep. Words are little-endian.
  void digest(Bytes piece, uint8_t out[kDigestLength]) const { digest_(keys_.data(), piece, out); }
  // The same without any processor's own instructions.
  void digest_portably(Bytes piece, uint8_t out[kDigestLength]) const;

 private:
  static constexpr size_t kPieceWords = kPieceLength / sizeof(uint32_t);

  // Aligned: each load of a vector that crosses a cache line takes twice as long.
  alignas(64) std::array<uint32_t, 2 * kPieceWords> keys_;
  void (*digest_)(const uint32_t* keys, Bytes piece, uint8_t* out);
};

}  // namespace ktls::tls
