// What waits to be written comes out in order, in pieces that make good records.
#include <algorithm>

#include "tests/tls_support.h"
#include "tls/chunk_queue.h"

using namespace ktls;
using namespace ktls::test;

namespace {

tls::ChunkQueue queue_of(const Buffer& data, const std::vector<size_t>& sizes) {
  tls::ChunkQueue queue;
  size_t at = 0;
  for (size_t size : sizes) {
    queue.push(Bytes(data).subspan(at, size));
    at += size;
  }
  return queue;
}

}  // namespace

TEST(short_chunks_are_made_one_and_long_ones_stay_where_they_are) {
  const Buffer data = pattern(300'000);
  tls::ChunkQueue queue = queue_of(data, {0, 10, 0, 20, 30, 100'000, 5});
  CHECK_EQ(queue.length(), size_t{100'065});
  CHECK_EQ(queue.front().size(), size_t{60});
  queue.consume(60);
  CHECK(queue.front().data() == data.data() + 60);
  CHECK_EQ(queue.front().size(), size_t{100'000});
  queue.consume(100'000);
  CHECK_EQ(queue.front().size(), size_t{5});
  queue.consume(5);
  CHECK(queue.empty() && queue.front().empty());
}

TEST(however_much_is_consumed_at_a_time_nothing_is_lost_or_repeated) {
  const Buffer data = pattern(200'000);
  for (size_t step : {size_t{1000}, size_t{16384}, size_t{70000}}) {
    tls::ChunkQueue queue = queue_of(data, {1, 999, 0, 16'384, 16'383, 1, 50'000, 12, 100'000, 16'219, 1});
    CHECK_EQ(queue.length(), data.size());
    Buffer out;
    while (!queue.empty()) {
      const Bytes front = queue.front();
      CHECK(!front.empty());
      const size_t taken = std::min(step, front.size());
      out.insert(out.end(), front.begin(), front.begin() + static_cast<ptrdiff_t>(taken));
      queue.consume(taken);
      CHECK_EQ(queue.length(), data.size() - out.size());
    }
    CHECK(out == data);
  }
}

TEST(what_is_left_outlives_its_memory_once_it_is_copied) {
  const Buffer data = pattern(100'000);
  for (size_t consumed : {size_t{0}, size_t{7}, size_t{50'010}, size_t{100'000}}) {
    Buffer memory = data;
    tls::ChunkQueue queue = queue_of(memory, {10, 50'000, 0, 49'990});
    while (queue.length() > data.size() - consumed) {
      queue.consume(std::min(queue.front().size(), queue.length() + consumed - data.size()));
    }
    queue.own();
    std::ranges::fill(memory, uint8_t{0});
    CHECK_EQ(queue.length(), data.size() - consumed);
    Buffer out;
    while (!queue.empty()) {
      const Bytes front = queue.front();
      out.insert(out.end(), front.begin(), front.end());
      queue.consume(front.size());
    }
    CHECK(std::ranges::equal(out, Bytes(data).subspan(consumed)));
  }
}
