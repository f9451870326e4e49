#include "tls/nh.h"

#include <endian.h>

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ktls::tls {

namespace {

constexpr size_t kKeyWords = Nh::kPieceLength / sizeof(uint32_t);

uint32_t load(const uint8_t* from) {
  uint32_t word;
  memcpy(&word, from, sizeof word);
  return le32toh(word);
}

void store(uint64_t sum, uint8_t* into) {
  sum = htole64(sum);
  memcpy(into, &sum, sizeof sum);
}

void portable(const uint32_t* keys, Bytes piece, uint8_t* out) {
  uint64_t first = 0;
  uint64_t second = 0;
  const uint32_t* other = keys + kKeyWords;
  for (size_t i = 0; i < piece.size() / sizeof(uint32_t); i += 2) {
    const uint32_t even = load(&piece[i * sizeof(uint32_t)]);
    const uint32_t odd = load(&piece[(i + 1) * sizeof(uint32_t)]);
    first += uint64_t{even + keys[i]} * uint32_t{odd + keys[i + 1]};
    second += uint64_t{even + other[i]} * uint32_t{odd + other[i + 1]};
  }
  store(first, out);
  store(second, out + sizeof first);
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) uint64_t sum_of(__m256i lanes) {
  const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two))));
}

__attribute__((target("avx2"))) __m256i products(__m256i words, const uint32_t* keys) {
  const __m256i sums = _mm256_add_epi32(words, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(keys)));
  return _mm256_mul_epu32(sums, _mm256_srli_epi64(sums, 32));
}

__attribute__((target("avx2"))) void by_avx2(const uint32_t* keys, Bytes piece, uint8_t* out) {
  __m256i first = _mm256_setzero_si256();
  __m256i second = _mm256_setzero_si256();
#pragma GCC unroll 4
  for (size_t i = 0; i < piece.size(); i += Nh::kStep, keys += Nh::kStep / sizeof(uint32_t)) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(&piece[i]));
    first = _mm256_add_epi64(first, products(words, keys));
    second = _mm256_add_epi64(second, products(words, keys + kKeyWords));
  }
  store(sum_of(first), out);
  store(sum_of(second), out + sizeof(uint64_t));
}

#endif

auto fastest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return by_avx2;
#endif
  return portable;
}

}  // namespace

Nh::Nh(const uint8_t key[kKeyLength]) : digest_(fastest()) {
  for (size_t i = 0; i < keys_.size(); ++i) keys_[i] = load(key + i * sizeof(uint32_t));
}

void Nh::digest_portably(Bytes piece, uint8_t out[kDigestLength]) const {
  portable(keys_.data(), piece, out);
}

}  // namespace ktls::tls
