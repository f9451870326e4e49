// The content hash against vectors from another implementation of docs/protocol.md, in JavaScript's BigInt.
#include "tls/content_hash.h"

#include "tests/check.h"
#include "tests/tls_support.h"

using namespace ktls;
using namespace ktls::test;
using namespace ktls::tls;

namespace {

struct Vector {
  size_t length;
  uint64_t number;
  const char* hash;
};

constexpr Vector kVectors[] = {
    {0, 1, "1f1ba401d4fda016f6aa1a11dcee2302"},    {1, 1, "4e3eeef463fdd810ebb3e831c5960003"},
    {32, 1, "1d854c2e9ff56308b203061722cb4005"},   {33, 2, "07338414cdba990cefcf3cb950a0ed19"},
    {1000, 3, "ffb7c091fbe7ce12ce6dd1b9d75fa21b"}, {1024, 4, "bc4c35633946d50dc2a3012a477c900b"},
    {1025, 5, "7de6ff464ccf6003947d0a9670634614"}, {100001, 6, "71ca702cb1ce990a942fafd730e66202"},
};

Buffer hash_of(ContentHash& hash, uint64_t number, Bytes content) {
  Buffer out(ContentHash::kLength);
  hash.reset(number);
  hash.update(content);
  hash.finish(out.data());
  return out;
}

ContentHash make() {
  const Buffer key(ContentHash::kKeyLength, 7);
  Result<ContentHash> hash = ContentHash::create(key.data());
  CHECK_OK(hash);
  return std::move(*hash);
}

}  // namespace

TEST(a_content_has_the_hash_of_the_protocol) {
  ContentHash hash = make();
  for (const Vector& vector : kVectors) {
    CHECK(hash_of(hash, vector.number, pattern(vector.length, 3)) == hex(vector.hash));
  }
}

TEST(every_processor_computes_one_digest) {
  const Buffer key = pattern(Nh::kKeyLength, 5);
  const Nh nh(key.data());
  // Words that overflow, too.
  for (const Buffer& data : {pattern(Nh::kPieceLength), Buffer(Nh::kPieceLength, 0xff)}) {
    for (size_t length = 0; length <= data.size(); length += Nh::kStep) {
      Buffer fast(Nh::kDigestLength), portable(Nh::kDigestLength);
      nh.digest(Bytes(data).first(length), fast.data());
      nh.digest_portably(Bytes(data).first(length), portable.data());
      CHECK(fast == portable);
    }
  }
}

TEST(a_hash_is_the_same_however_the_content_is_cut) {
  const Buffer data = pattern(100001, 3);
  ContentHash hash = make();
  const Buffer whole = hash_of(hash, 1, data);
  for (size_t first : {1, 31, 1023, 1024, 1025}) {
    Buffer pieces(ContentHash::kLength);
    hash.reset(1);
    Bytes rest = data;
    for (size_t length = first; !rest.empty(); length = length * 3 + 1) {
      const size_t part = std::min(length, rest.size());
      hash.update(rest.first(part));
      hash.update({});
      rest = rest.subspan(part);
    }
    hash.finish(pieces.data());
    CHECK(whole == pieces);
  }
}

TEST(a_bit_a_zero_at_the_end_and_another_place_change_the_hash) {
  Buffer data = pattern(5000, 3);
  data.back() = 0;
  ContentHash hash = make();
  const Buffer whole = hash_of(hash, 1, data);
  for (size_t at : {0, 1023, 1024, 4500, 4999}) {
    data[at] ^= 1;
    CHECK(hash_of(hash, 1, data) != whole);
    data[at] ^= 1;
  }
  CHECK(hash_of(hash, 1, Bytes(data).first(4999)) != whole);
  CHECK(hash_of(hash, 2, data) != whole);
  std::swap_ranges(data.begin(), data.begin() + 1024, data.begin() + 1024);
  CHECK(hash_of(hash, 1, data) != whole);
}
