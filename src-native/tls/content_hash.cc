#include "tls/content_hash.h"

#include <algorithm>

#include "tls/aead.h"

namespace ktls::tls {

namespace {

constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;

uint64_t load(const uint8_t* from) {
  uint64_t value = 0;
  for (size_t i = sizeof value; i-- > 0;) value = value << 8 | from[i];
  return value;
}

void store(uint64_t value, uint8_t* into) {
  for (size_t i = 0; i < sizeof value; ++i) into[i] = static_cast<uint8_t>(value >> (8 * i));
}

// Below 2^61 + 8.
uint64_t fold(uint64_t value) { return (value & kPrime) + (value >> 61); }

// Below 2^61 + 8 for a `value` below 2^124.
uint64_t fold(unsigned __int128 value) {
  return fold((static_cast<uint64_t>(value) & kPrime) + static_cast<uint64_t>(value >> 61));
}

unsigned __int128 multiply(uint64_t a, uint64_t b) { return static_cast<unsigned __int128>(a) * b; }

uint64_t reduce(uint64_t value) {
  value = fold(value);
  return value >= kPrime ? value - kPrime : value;
}

}  // namespace

Result<ContentHash> ContentHash::create(const uint8_t key[kKeyLength]) {
  Result<Aead> aead = Aead::create(CipherSuite::aes_128_gcm_sha256, Aead::Direction::seal, key);
  if (!aead.ok()) return std::move(aead).status();
  Points points;
  const std::array<uint8_t, Nh::kKeyLength + points.size() * sizeof(uint64_t)> zeros{};
  std::array<uint8_t, zeros.size() + kTagLength> stream;
  const uint8_t nonce[kIvLength] = {};
  KTLS_TRY(aead->seal(nonce, {}, zeros, {}, stream.data()));
  for (size_t i = 0; i < points.size(); ++i) {
    const uint64_t point = fold(load(stream.data() + Nh::kKeyLength + i * sizeof(uint64_t)));
    points[i] = {point, fold(multiply(point, point))};
  }
  return ContentHash(stream.data(), points);
}

void ContentHash::reset(uint64_t number) {
  length_ = 0;
  partial_ = 0;
  values_ = {number, number};
}

void ContentHash::update(Bytes data) {
  length_ += data.size();
  if (partial_ > 0) {
    const Bytes part = data.first(std::min(data.size(), piece_.size() - partial_));
    std::copy(part.begin(), part.end(), piece_.begin() + partial_);
    partial_ += part.size();
    data = data.subspan(part.size());
    if (partial_ < piece_.size()) return;
    add_piece(piece_);
  }
  for (; data.size() >= Nh::kPieceLength; data = data.subspan(Nh::kPieceLength)) {
    add_piece(data.first(Nh::kPieceLength));
  }
  std::copy(data.begin(), data.end(), piece_.begin());
  partial_ = data.size();
}

void ContentHash::finish(uint8_t out[kLength]) {
  if (partial_ > 0) {
    const size_t padded = (partial_ + Nh::kStep - 1) / Nh::kStep * Nh::kStep;
    std::fill(piece_.begin() + partial_, piece_.begin() + padded, uint8_t{0});
    add_piece({piece_.data(), padded});
  }
  for (size_t i = 0; i < values_.size(); ++i) {
    const uint64_t value = fold(multiply(values_[i], points_[i].point) + length_);
    store(reduce(value), out + i * sizeof value);
  }
}

void ContentHash::add_piece(Bytes piece) {
  uint8_t digest[Nh::kDigestLength];
  nh_.digest(piece, digest);
  for (size_t i = 0; i < values_.size(); ++i) {
    const uint64_t half = load(digest + i * sizeof half);
    // Two coefficients at once: half the wait for multiplications.
    values_[i] = fold(multiply(values_[i], points_[i].square) + multiply(half >> 32, points_[i].point) +
                      (half & UINT32_MAX));
  }
}

}  // namespace ktls::tls
