// A thread that reads a file ahead: the same bytes as pread(2), the same errors behind them, and an end at
// any moment.
#include <fcntl.h>
#include <sys/mman.h>

#include <random>

#include "tests/threads_support.h"
#include "tests/tls_file_support.h"
#include "tls/read_ahead.h"

using namespace ktls;
using namespace ktls::test;

namespace {

constexpr size_t kPiece = 1000;

std::unique_ptr<tls::ReadAhead> reading(int file, off_t offset, size_t count) {
  auto started = tls::ReadAhead::start(file, offset, count, kPiece);
  CHECK_OK(started);
  return std::move(*started);
}

// Up to `count` bytes, at most `step` of them consumed at once; fewer where the file ends or cannot be read,
// which is `failure`.
Buffer take(tls::ReadAhead& ahead, size_t count, size_t step, Status& failure) {
  Buffer all;
  while (all.size() < count) {
    Result<Bytes> next = ahead.next();
    if (!next.ok()) failure = next.status();
    if (!next.ok() || next->empty()) break;
    const Bytes some = next->first(std::min({step, next->size(), count - all.size()}));
    all.insert(all.end(), some.begin(), some.end());
    ahead.consume(some.size());
  }
  return all;
}

Buffer take(tls::ReadAhead& ahead, size_t count, size_t step = kPiece) {
  Status failure;
  Buffer all = take(ahead, count, step, failure);
  CHECK_OK(failure);
  return all;
}

}  // namespace

TEST(a_range_comes_as_it_is_however_long_and_however_it_is_consumed) {
  const Buffer content = pattern(20 * kPiece);
  const Fd file = file_of(content);
  for (const size_t count :
       {size_t{1}, kPiece - 1, kPiece, kPiece + 1, 3 * kPiece + 7, content.size() - 123}) {
    for (const size_t step : {size_t{7}, kPiece - 1, kPiece}) {
      const Buffer got = take(*reading(file.get(), 123, count), count, step);
      CHECK_EQ(got.size(), count);
      CHECK(std::equal(got.begin(), got.end(), content.begin() + 123));
    }
  }
}

TEST(several_read_at_once) {
  const Buffer content = pattern(100 * kPiece);
  const Fd file = file_of(content);
  std::unique_ptr<tls::ReadAhead> one = reading(file.get(), 0, content.size());
  std::unique_ptr<tls::ReadAhead> other = reading(file.get(), 50, content.size() - 50);
  Buffer from_one, from_other;
  std::thread thread([&] { from_other = take(*other, content.size() - 50, 333); });
  from_one = take(*one, content.size(), 777);
  thread.join();
  CHECK(from_one == content);
  CHECK(std::equal(from_other.begin(), from_other.end(), content.begin() + 50, content.end()));
}

TEST(a_file_that_ends_early_gives_what_there_is_and_then_nothing) {
  const Buffer content = pattern(5 * kPiece + 1);
  const Fd file = file_of(content);
  std::unique_ptr<tls::ReadAhead> ahead = reading(file.get(), 0, 8 * kPiece);
  CHECK(take(*ahead, 8 * kPiece) == content);
  for (int again = 0; again < 2; ++again) {
    Result<Bytes> next = ahead->next();
    CHECK_OK(next);
    CHECK(next->empty());
  }
}

TEST(a_file_that_shrinks_meanwhile_gives_what_was_there_when_it_was_read) {
  const Buffer content = pattern(100 * kPiece);
  const Fd file = file_of(content);
  std::unique_ptr<tls::ReadAhead> ahead = reading(file.get(), 0, content.size());
  Buffer got = take(*ahead, kPiece + 1);
  CHECK_EQ(ftruncate(file.get(), 10), 0);
  const Buffer rest = take(*ahead, content.size() - got.size());
  got.insert(got.end(), rest.begin(), rest.end());
  CHECK(got.size() < content.size());
  CHECK(std::equal(got.begin(), got.end(), content.begin()));
}

TEST(of_a_file_that_grows_meanwhile_comes_the_range_and_no_more) {
  const Buffer content = pattern(100 * kPiece);
  const Fd file = file_of(Bytes(content).first(20 * kPiece));
  std::unique_ptr<tls::ReadAhead> ahead = reading(file.get(), 0, 90 * kPiece);
  Buffer got = take(*ahead, kPiece);
  const Bytes more = Bytes(content).subspan(20 * kPiece);
  CHECK_EQ(pwrite(file.get(), more.data(), more.size(), 20 * kPiece), static_cast<ssize_t>(more.size()));
  const Buffer rest = take(*ahead, 89 * kPiece);
  got.insert(got.end(), rest.begin(), rest.end());
  CHECK(std::equal(got.begin(), got.end(), content.begin(), content.begin() + 90 * kPiece));
}

TEST(what_cannot_be_read_is_told) {
  const Fd folder(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Fd written(open("/dev/null", O_WRONLY | O_CLOEXEC));
  for (const auto& [file, error] : {std::pair(folder.get(), EISDIR), std::pair(written.get(), EBADF)}) {
    Result<Bytes> next = reading(file, 0, kPiece)->next();
    CHECK_CODE(next, system);
    CHECK_EQ(next.status().error_number(), error);
    CHECK_EQ(std::string(next.status().syscall()), "pread");
  }
}

TEST(an_error_comes_behind_the_bytes_before_it) {
  // Of memory that is mapped beyond the end of its file, the kernel cannot read what lies there.
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const Buffer content = pattern(5 * page);
  const Fd mapped = file_of(content);
  void* start = mmap(nullptr, 2 * content.size(), PROT_READ, MAP_PRIVATE, mapped.get(), 0);
  CHECK(start != MAP_FAILED);
  const Fd memory(open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  std::unique_ptr<tls::ReadAhead> ahead =
      reading(memory.get(), static_cast<off_t>(reinterpret_cast<uintptr_t>(start)), 2 * content.size());
  Status failure;
  CHECK(take(*ahead, 2 * content.size(), kPiece, failure) == content);
  CHECK_CODE(failure, system);
  CHECK_EQ(failure.error_number(), EIO);
  ahead.reset();
  munmap(start, 2 * content.size());
}

TEST(it_can_go_at_any_moment) {
  const Buffer content = pattern(2000 * kPiece);
  const Fd file = file_of(content);
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    std::unique_ptr<tls::ReadAhead> ahead = reading(file.get(), 0, content.size());
    const size_t count = i % 3 == 0 ? 0 : random() % content.size();
    CHECK(std::ranges::equal(take(*ahead, count), Bytes(content).first(count)));
    if (i % 3 == 1) usleep(random() % 300);
  }
}

TEST(its_thread_has_a_name_and_goes_with_it) {
  const Buffer content = pattern(10 * kPiece);
  const Fd file = file_of(content);
  std::unique_ptr<tls::ReadAhead> ahead = reading(file.get(), 0, content.size());
  // More than there is room for: the thread waits.
  CHECK_EQ(take(*ahead, kPiece).size(), kPiece);
  wait_for_threads("ktls-read", 1);
  ahead.reset();
  wait_for_threads("ktls-read", 0);
}
