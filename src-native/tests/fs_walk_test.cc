// The walk of a tree: what it meets, what it leaves out, and what it says of it.
#include "fs/walk.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <array>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "tests/fs_support.h"

using namespace ktls;
using namespace ktls::test;
using fs::EntryKind;

namespace {

struct Seen {
  std::map<std::string, fs::Entry> entries;
  std::map<std::string, fs::Metadata> directories;
  std::map<std::string, Status> skipped;
  std::vector<std::string> order;  // of directories
  size_t batches = 0;
  size_t widest = 0;
};

std::unique_ptr<fs::Walk> open_walk(const std::string& root, const std::vector<std::string>& below = {},
                                    const fs::WalkOptions& options = {}) {
  Result<std::unique_ptr<fs::Walk>> walk = fs::Walk::open(root, below, options);
  CHECK_OK(walk);
  return std::move(*walk);
}

void take(Seen& seen, fs::Batch& batch) {
  seen.batches++;
  seen.widest = std::max(seen.widest, batch.entries.size());
  std::string path = batch.directory->path_of({});
  if (seen.directories.emplace(path, batch.directory->metadata).second) {
    CHECK_EQ(batch.directory->id, seen.order.size());
    seen.order.push_back(path);
  } else {
    CHECK(path == seen.order.back() || batch.entries.empty());
  }
  CHECK(fcntl(batch.fd->get(), F_GETFD) >= 0);
  for (fs::Entry& entry : batch.entries) {
    std::string name = batch.directory->path_of(entry.name);
    CHECK(seen.entries.emplace(name, std::move(entry)).second);
  }
  for (fs::Skip& skip : batch.skipped) CHECK(seen.skipped.emplace(skip.path, std::move(skip.reason)).second);
}

Seen see(fs::Walk& walk) {
  Seen seen;
  for (;;) {
    Result<std::optional<fs::Batch>> batch = walk.next();
    CHECK_OK(batch);
    if (!batch->has_value()) return seen;
    take(seen, **batch);
  }
}

Seen see(const std::string& root, const fs::WalkOptions& options = {}) {
  return see(*open_walk(root, {}, options));
}

void make_directory(const std::string& path) { CHECK_EQ(mkdir(path.c_str(), 0755), 0); }

// A chain of directories "d0/d1/d2/…" in `root`, each with a sibling beside the next. Whichever of the
// two a file system lists first, many directories are still needed on the way back.
void make_chain(const std::string& root, int depth) {
  Fd at(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int level = 0; level < depth; level++) {
    std::string name = "d" + std::to_string(level);
    std::string sibling = "e" + std::to_string(level);
    // File systems list what is new first, last or anywhere: siblings come before and after.
    for (const std::string& made : level % 2 == 0 ? std::array{name, sibling} : std::array{sibling, name}) {
      CHECK_EQ(mkdirat(at.get(), made.c_str(), 0755), 0);
    }
    at = Fd(openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CHECK(at);
  }
}

}  // namespace

TEST(files_folders_and_symlinks_are_met_with_their_attributes) {
  Scratch root;
  make_directory(root / "a");
  make_directory(root / "a/empty");
  put(root / "a/file", "12345");
  CHECK_EQ(chmod((root / "a/file").c_str(), 04751), 0);
  timespec times[2] = {{1, 0}, {1234567890, 987654321}};
  CHECK_EQ(utimensat(AT_FDCWD, (root / "a/file").c_str(), times, 0), 0);
  CHECK_EQ(symlink("../nowhere", (root / "link").c_str()), 0);
  CHECK_EQ(chmod((root / "a/empty").c_str(), 01711), 0);

  Seen seen = see(root.path());
  CHECK_EQ(seen.entries.size(), size_t{2});
  CHECK_EQ(seen.directories.size(), size_t{3});
  CHECK(seen.skipped.empty());
  const fs::Entry& file = seen.entries.at("a/file");
  CHECK(file.kind == EntryKind::file);
  CHECK_EQ(file.size, uint64_t{5});
  CHECK_EQ(file.metadata.mode, 04751u);
  CHECK_EQ(file.metadata.uid, getuid());
  CHECK_EQ(file.metadata.mtime_seconds, int64_t{1234567890});
  CHECK_EQ(file.metadata.mtime_nanoseconds, 987654321u);
  const fs::Entry& link = seen.entries.at("link");
  CHECK(link.kind == EntryKind::symlink);
  CHECK_EQ(link.target, std::string("../nowhere"));
  CHECK_EQ(seen.directories.at("a/empty").mode, 01711u);
}

TEST(names_are_bytes) {
  Scratch root;
  std::vector<std::string> names = {"line\nfeed", " ", "-rf", "\xff\xfe", std::string(255, 'n'), "..."};
  for (const std::string& name : names) put(root / name, name);
  Seen seen = see(root.path());
  for (const std::string& name : names) CHECK(seen.entries.contains(name));
  CHECK_EQ(seen.entries.size(), names.size());
}

TEST(a_symlink_target_may_be_as_long_as_the_kernel_allows) {
  Scratch root;
  std::string target(4095, 't');
  CHECK_EQ(symlink(target.c_str(), (root / "link").c_str()), 0);
  Seen seen = see(root.path());
  CHECK_EQ(seen.entries.at("link").target.size(), target.size());
}

TEST(symlinks_are_never_followed_but_the_root_may_be_one) {
  Scratch root;
  make_directory(root / "real");
  make_directory(root / "real/deep");
  put(root / "real/file", "x");
  CHECK_EQ(symlink("real", (root / "alias").c_str()), 0);
  Seen seen = see(root.path());
  CHECK(seen.entries.at("alias").kind == EntryKind::symlink);
  CHECK(!seen.entries.contains("alias/file"));
  CHECK(see(root / "alias").entries.contains("file"));
}

TEST(what_is_no_file_is_reported_not_opened) {
  Scratch root;
  CHECK_EQ(mkfifo((root / "fifo").c_str(), 0644), 0);
  Fd server(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{AF_UNIX, {}};
  std::string path = root / "socket";
  CHECK(path.size() < sizeof address.sun_path);
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  CHECK_EQ(bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  put(root / "file", "x");
  Seen seen = see(root.path());
  CHECK_EQ(seen.entries.size(), size_t{1});
  CHECK_CODE(seen.skipped.at("fifo"), file_type);
  CHECK_CODE(seen.skipped.at("socket"), file_type);
}

TEST(later_names_of_an_inode_are_hard_links_to_the_first) {
  Scratch root;
  make_directory(root / "a");
  put(root / "a/one", "content");
  CHECK_EQ(link((root / "a/one").c_str(), (root / "a/two").c_str()), 0);
  CHECK_EQ(link((root / "a/one").c_str(), (root / "three").c_str()), 0);
  Seen seen = see(root.path());
  std::string first;
  std::vector<std::string> links;
  for (const auto& [name, entry] : seen.entries) {
    if (entry.kind == EntryKind::file) {
      CHECK(first.empty());
      first = name;
    }
  }
  for (const auto& [name, entry] : seen.entries) {
    if (entry.kind != EntryKind::hard_link) continue;
    links.push_back(name);
    CHECK_EQ(entry.link_directory->path_of(entry.link_name), first);
  }
  CHECK_EQ(links.size(), size_t{2});
}

TEST(a_name_outside_the_tree_makes_no_hard_link) {
  Scratch root;
  make_directory(root / "tree");
  put(root / "tree/inside", "x");
  CHECK_EQ(link((root / "tree/inside").c_str(), (root / "outside").c_str()), 0);
  CHECK(see(root / "tree").entries.at("inside").kind == EntryKind::file);
}

TEST(batches_are_of_one_directory_and_bounded) {
  Scratch root;
  make_directory(root / "sub");
  for (int i = 0; i < 1000; i++) put(root / std::to_string(i), "x");
  put(root / "sub/file", "x");
  Seen seen = see(root.path(), {100, uint64_t{4} << 20});
  CHECK_EQ(seen.entries.size(), size_t{1001});
  CHECK_EQ(seen.widest, size_t{100});
  // 15 bytes at most before the next entry: 1000 entries of one byte make 67 batches.
  Seen by_bytes = see(root.path(), {100, 15});
  CHECK_EQ(by_bytes.widest, size_t{15});
}

TEST(an_empty_root_has_one_batch) {
  Scratch root;
  Seen seen = see(root.path());
  CHECK_EQ(seen.batches, size_t{1});
  CHECK_EQ(seen.directories.size(), size_t{1});
}

TEST(a_root_that_is_no_directory_is_enotdir) {
  Scratch root;
  put(root / "file", "x");
  Result<std::unique_ptr<fs::Walk>> walk = fs::Walk::open(root / "file", {}, {});
  CHECK_CODE(walk, system);
  CHECK_EQ(walk.status().error_number(), ENOTDIR);
  CHECK_EQ(fs::Walk::open(root / "none", {}, {}).status().error_number(), ENOENT);
}

TEST(what_a_peer_asks_for_is_confined_below_the_root) {
  Scratch root;
  make_directory(root / "served");
  make_directory(root / "served/a");
  make_directory(root / "served/a/b");
  make_directory(root / "secret");
  put(root / "served/a/b/file", "x");
  CHECK_EQ(symlink("../secret", (root / "served/escape").c_str()), 0);
  CHECK_EQ(symlink("../../secret", (root / "served/a/escape").c_str()), 0);
  std::string served = root / "served";
  CHECK(see(*open_walk(served, {"a", "b"})).entries.contains("file"));
  CHECK_CODE(fs::Walk::open(served, {".."}, {}), unsafe_path);
  CHECK_CODE(fs::Walk::open(served, {"a/b"}, {}), unsafe_path);
  CHECK_CODE(fs::Walk::open(served, {""}, {}), unsafe_path);
  CHECK_EQ(fs::Walk::open(served, {"escape"}, {}).status().error_number(), ENOTDIR);
  CHECK_EQ(fs::Walk::open(served, {"a", "escape"}, {}).status().error_number(), ENOTDIR);
  CHECK_EQ(fs::Walk::open(served, {"a", "escape"}, {}).status().path(), std::string("a/escape"));
}

TEST(an_unreadable_directory_is_reported_and_the_rest_is_met) {
  Scratch root;
  CHECK_EQ(chmod(root.path().c_str(), 0755), 0);
  make_directory(root / "closed");
  make_directory(root / "open");
  put(root / "open/file", "x");
  CHECK_EQ(chmod((root / "closed").c_str(), 0), 0);
  in_child([&] {
    if (getuid() == 0) CHECK_EQ(setuid(65534), 0);
    Seen seen = see(root.path());
    CHECK_EQ(seen.skipped.size(), size_t{1});
    CHECK_EQ(seen.skipped.at("closed").error_number(), EACCES);
    CHECK(seen.entries.contains("open/file"));
    // Numbers are dense: what was not read has none.
    CHECK_EQ(seen.directories.size(), size_t{2});
  });
}

TEST(a_directory_that_became_a_symlink_or_vanished_is_reported) {
  Scratch root;
  make_directory(root / "tree");
  make_directory(root / "tree/a");
  make_directory(root / "tree/b");
  make_directory(root / "outside");
  put(root / "outside/secret", "x");
  auto walk = open_walk(root / "tree");
  Result<std::optional<fs::Batch>> first = walk->next();
  CHECK_OK(first);
  CHECK_EQ(rmdir((root / "tree/a").c_str()), 0);
  CHECK_EQ(rmdir((root / "tree/b").c_str()), 0);
  CHECK_EQ(symlink("../outside", (root / "tree/a").c_str()), 0);
  Seen seen = see(*walk);
  CHECK(seen.entries.empty());
  CHECK_EQ(seen.skipped.at("a").error_number(), ENOTDIR);
  CHECK_EQ(seen.skipped.at("b").error_number(), ENOENT);
}

TEST(a_name_that_vanishes_while_it_is_listed_is_reported) {
  Scratch root;
  for (int i = 0; i < 10; i++) put(root / std::to_string(i), "x");
  auto walk = open_walk(root.path(), {}, {1, 1});
  Result<std::optional<fs::Batch>> first = walk->next();
  CHECK_OK(first);
  for (int i = 0; i < 10; i++) CHECK_EQ(unlink((root / std::to_string(i)).c_str()), 0);
  Seen seen = see(*walk);
  CHECK(seen.entries.empty());
  CHECK_EQ(seen.skipped.size(), size_t{9});
  for (const auto& [path, reason] : seen.skipped) CHECK_EQ(reason.error_number(), ENOENT);
}

TEST(a_tree_thousands_deep_needs_few_descriptors) {
  constexpr int kDepth = 3000;
  Scratch root;
  make_chain(root.path(), kDepth);
  in_child([&] {
    rlimit limit{};
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 256;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    auto walk = open_walk(root.path());
    size_t directories = 0, most = 0, deepest = 0;
    for (;;) {
      Result<std::optional<fs::Batch>> batch = walk->next();
      CHECK_OK(batch);
      if (!batch->has_value()) break;
      CHECK((*batch)->skipped.empty());
      directories++;
      if (directories % 100 == 0) most = std::max(most, open_descriptors());
      std::string path = (*batch)->directory->path_of({});
      deepest = std::max<size_t>(deepest, std::ranges::count(path, '/') + 1);
    }
    CHECK_EQ(directories, size_t{2 * kDepth + 1});
    CHECK_EQ(deepest, size_t{kDepth});
    CHECK(most < 64);
  });
}

TEST(a_directory_that_was_moved_away_meanwhile_is_reported_not_followed) {
  Scratch root;
  make_directory(root / "tree");
  make_chain(root / "tree", 200);
  in_child([&] {
    rlimit limit{};
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 100;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    auto walk = open_walk(root / "tree");
    size_t skipped = 0;
    bool moved = false;
    for (;;) {
      Result<std::optional<fs::Batch>> batch = walk->next();
      CHECK_OK(batch);
      if (!batch->has_value()) break;
      for (const fs::Skip& skip : (*batch)->skipped) {
        CHECK(skip.reason.error_number() == ESTALE || skip.reason.error_number() == ENOENT);
        skipped++;
      }
      if (!moved && (*batch)->directory->name == "d199") {
        // Another directory of the same name stands where the walk wants to come back to.
        CHECK_EQ(rename((root / "tree/d0").c_str(), (root / "gone").c_str()), 0);
        make_directory(root / "tree/d0");
        moved = true;
      }
    }
    CHECK(moved);
    CHECK(skipped > 0);
  });
}

TEST(a_kept_directory_keeps_no_descriptor) {
  Scratch root;
  for (int i = 0; i < 100; i++) make_directory(root / std::to_string(i));
  size_t before = open_descriptors();
  std::vector<std::shared_ptr<const fs::Directory>> kept;
  {
    auto walk = open_walk(root.path());
    for (;;) {
      Result<std::optional<fs::Batch>> batch = walk->next();
      CHECK_OK(batch);
      if (!batch->has_value()) break;
      kept.push_back((*batch)->directory);
    }
  }
  CHECK_EQ(kept.size(), size_t{101});
  CHECK_EQ(open_descriptors(), before);
}
