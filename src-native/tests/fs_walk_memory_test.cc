// What a walk holds does not grow with the number of files. Counted by the byte, so that it means the
// same under a sanitizer, which keeps freed memory for a while.
#include <malloc.h>

#include <atomic>
#include <new>

#include "fs/walk.h"
#include "tests/fs_support.h"

using namespace ktls;
using namespace ktls::test;

namespace {

std::atomic<size_t> live_bytes{0};

}  // namespace

void* operator new(size_t size) {
  void* memory = malloc(size);
  if (memory == nullptr) abort();
  live_bytes += malloc_usable_size(memory);
  return memory;
}

void operator delete(void* memory) noexcept {
  live_bytes -= malloc_usable_size(memory);
  free(memory);
}

void operator delete(void* memory, size_t) noexcept { operator delete(memory); }

namespace {

struct Peak {
  size_t entries = 0;
  size_t hard_links = 0;
  size_t bytes = 0;        // beyond what was held before
  size_t descriptors = 0;  // likewise
};

Peak walk_all(const std::string& root) {
  Peak peak;
  size_t bytes = live_bytes, descriptors = open_descriptors();
  Result<std::unique_ptr<fs::Walk>> walk = fs::Walk::open(root, {}, {});
  CHECK_OK(walk);
  for (size_t batches = 0;; batches++) {
    Result<std::optional<fs::Batch>> batch = (*walk)->next();
    CHECK_OK(batch);
    if (!batch->has_value()) break;
    peak.entries += (*batch)->entries.size();
    for (const fs::Entry& entry : (*batch)->entries) {
      if (entry.kind == fs::EntryKind::hard_link) peak.hard_links++;
    }
    peak.bytes = std::max(peak.bytes, live_bytes - bytes);
    if (batches % 64 == 0) peak.descriptors = std::max(peak.descriptors, open_descriptors() - descriptors);
  }
  walk = Status::of(Code::end_of_stream);
  CHECK_EQ(open_descriptors(), descriptors);
  return peak;
}

void fill(const std::string& path, int files) {
  CHECK_EQ(mkdir(path.c_str(), 0755), 0);
  Fd at(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int file = 0; file < files; file++) {
    std::string name = "a-name-too-long-to-be-held-in-place-" + std::to_string(file);
    CHECK_EQ(mknodat(at.get(), name.c_str(), S_IFREG | 0644, 0), 0);
  }
}

}  // namespace

TEST(two_hundred_thousand_files_are_held_a_batch_at_a_time) {
  Scratch root;
  on_tmpfs(root.path(), "nr_inodes=0", [&] {
    for (int directory = 0; directory < 100; directory++) fill(root / std::to_string(directory), 1000);
    fill(root / "wide", 100'000);
    Peak peak = walk_all(root.path());
    CHECK_EQ(peak.entries, size_t{200'000});
    // The buffer of the listing and one batch of 128 entries.
    CHECK(peak.bytes < size_t{512} << 10);
    CHECK(peak.descriptors < 8);
  });
}

TEST(an_inode_is_forgotten_when_all_its_names_were_met) {
  constexpr int kDirectories = 200, kFiles = 100;
  Scratch root;
  on_tmpfs(root.path(), "nr_inodes=0", [&] {
    for (int directory = 0; directory < kDirectories; directory++) {
      std::string path = root / std::to_string(directory);
      fill(path, kFiles);
      for (const std::string& name : names_in(path)) {
        CHECK_EQ(link((path + "/" + name).c_str(), (path + "/again-" + name).c_str()), 0);
      }
    }
    Peak peak = walk_all(root.path());
    CHECK_EQ(peak.hard_links, size_t{kDirectories * kFiles});
    CHECK(peak.bytes < size_t{512} << 10);
  });
}
