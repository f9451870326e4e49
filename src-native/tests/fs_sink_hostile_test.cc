// A peer, or somebody on the same machine, who wants something outside the root, or more than there is.
#include <atomic>
#include <climits>
#include <thread>

#include "fs/sink.h"
#include "tests/fs_support.h"

using namespace ktls;
using namespace ktls::test;

namespace {

const std::vector<std::string> kBadNames = {"",
                                            ".",
                                            "..",
                                            "/",
                                            "/etc/passwd",
                                            "a/b",
                                            "../x",
                                            "a/..",
                                            std::string("a\0b", 3),
                                            std::string("\0", 1),
                                            std::string(256, 'x'),
                                            std::string(1 << 20, 'x'),
                                            ".ktls-transfer-",
                                            ".ktls-transfer-0000000000000000-1"};

// Somebody who swaps a directory for a symlink to `outside` and back, as fast as can be.
class Swapper {
 public:
  Swapper(std::string victim, std::string outside)
      : victim_(std::move(victim)), aside_(victim_ + ".aside"), link_(victim_ + ".link") {
    CHECK_EQ(symlink(outside.c_str(), link_.c_str()), 0);
    thread_ = std::thread([this] {
      while (!stop_) {
        (void)rename(victim_.c_str(), aside_.c_str());
        (void)rename(link_.c_str(), victim_.c_str());
        swaps_++;
        (void)rename(victim_.c_str(), link_.c_str());
        (void)rename(aside_.c_str(), victim_.c_str());
      }
    });
    while (swaps_ == 0) std::this_thread::yield();
  }
  ~Swapper() {
    stop_ = true;
    thread_.join();
    unlink(link_.c_str());
  }

  long swaps() const { return swaps_; }

 private:
  const std::string victim_, aside_, link_;
  std::atomic<bool> stop_{false};
  std::atomic<long> swaps_{0};
  std::thread thread_;
};

}  // namespace

TEST(no_call_takes_a_bad_name) {
  Scratch scratch;
  CHECK_EQ(mkdir((scratch / "root").c_str(), 0755), 0);
  std::string root = scratch / "root";
  auto sink = open_sink(root);
  CHECK_OK(sink->write_file(0, "file", bytes("x"), metadata(0644)));
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  std::string before = listing(root);
  uint32_t id = 100;
  for (const std::string& name : kBadNames) {
    for (uint32_t directory : {0u, 1u}) {
      CHECK_CODE(sink->add_directory(id++, directory, name, metadata(0755)), unsafe_path);
      CHECK_CODE(sink->create_file(directory, name, 1), unsafe_path);
      CHECK_CODE(sink->write_file(directory, name, bytes("x"), metadata(0644)), unsafe_path);
      CHECK_CODE(sink->symlink(directory, name, "x", metadata(0777)), unsafe_path);
      CHECK_CODE(sink->hard_link(directory, name, 0, "file"), unsafe_path);
      CHECK_CODE(sink->hard_link(directory, "link", 0, name), unsafe_path);
    }
    CHECK_CODE(fs::Sink::open(root, {name}, {}), unsafe_path);
    CHECK_CODE(fs::Sink::open(root, {"a", name}, {}), unsafe_path);
  }
  CHECK_EQ(listing(root), before);
  CHECK_EQ(listing(scratch.path()), std::string("root"));
}

TEST(a_bad_path_below_the_root_touches_nothing) {
  Scratch scratch;
  CHECK_CODE(fs::Sink::open(scratch / "missing", {"ok", ".."}, {}), unsafe_path);
  CHECK(names_in(scratch.path()).empty());
}

TEST(symlinks_below_the_root_are_never_entered) {
  Scratch scratch;
  CHECK_EQ(mkdir((scratch / "root").c_str(), 0755), 0);
  CHECK_EQ(mkdir((scratch / "outside").c_str(), 0755), 0);
  CHECK_EQ(symlink("../outside", (scratch / "root/old").c_str()), 0);
  auto sink = open_sink(scratch / "root");
  CHECK_OK(sink->symlink(0, "sent", "../outside", metadata(0777)));
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  CHECK_OK(sink->symlink(1, "sent", "../../outside", metadata(0777)));
  CHECK_EQ(sink->add_directory(2, 0, "old", metadata(0755)).error_number(), ENOTDIR);
  CHECK_EQ(sink->add_directory(3, 0, "sent", metadata(0755)).error_number(), ENOTDIR);
  CHECK_EQ(sink->add_directory(4, 1, "sent", metadata(0755)).error_number(), EEXIST);
  CHECK_EQ(fs::Sink::open(scratch / "root", {"old"}, {}).status().error_number(), ENOTDIR);
  // A file replaces the symlink, not what it points to.
  put(scratch / "outside/secret", "secret");
  CHECK_OK(sink->symlink(0, "file", "../outside/secret", metadata(0777)));
  CHECK_OK(sink->write_file(0, "file", bytes("mine"), metadata(0600)));
  CHECK_EQ(sink->write_file(1, "sent", bytes("mine"), metadata(0600)).error_number(), EEXIST);
  CHECK_OK(commit(*sink));
  CHECK_EQ(get(scratch / "outside/secret"), std::string("secret"));
  CHECK_EQ(listing(scratch / "outside"), std::string("secret"));
  CHECK(S_ISREG(look(scratch / "root/file").st_mode));
}

TEST(a_symlink_swapped_in_meanwhile_leads_nowhere) {
  Scratch scratch;
  std::string root = scratch / "root", outside = scratch / "outside";
  CHECK_EQ(mkdir(root.c_str(), 0755), 0);
  CHECK_EQ(mkdir(outside.c_str(), 0755), 0);
  CHECK_EQ(mkdir((root + "/victim").c_str(), 0755), 0);
  CHECK_EQ(mkdir((root + "/victim/inner").c_str(), 0755), 0);
  CHECK_EQ(mkdir((outside + "/inner").c_str(), 0755), 0);
  put(outside + "/secret", "secret");
  struct stat before = look(outside), before_inner = look(outside + "/inner");
  fs::SinkOptions options;
  // So that directories are opened again all the time.
  options.max_open_directories = 1;
  long swaps = 0;
  int made = 0;
  {
    Swapper swapper(root + "/victim", outside);
    for (int round = 0; round < 300 || swapper.swaps() < 300; round++) {
      auto sink = open_sink(root, options);
      (void)sink->add_directory(1, 0, "victim", metadata(0700));
      (void)sink->add_directory(2, 1, "inner", metadata(0700));
      (void)sink->add_directory(3, 1, "new" + std::to_string(round), metadata(0700));
      for (uint32_t directory : {1u, 2u, 3u, 1u}) {
        if (sink->write_file(directory, "file", bytes("x"), metadata(0600)).ok()) made++;
        (void)sink->write_file(directory, "secret", bytes("x"), metadata(0600));
        (void)sink->symlink(directory, "link", "x", metadata(0777));
        (void)sink->hard_link(directory, "hard", 1, "file");
      }
      if (round % 2 == 0) (void)commit(*sink);
    }
    swaps = swapper.swaps();
  }
  CHECK(swaps >= 300);
  CHECK(made > 0);
  CHECK_EQ(listing(outside), std::string("inner secret"));
  CHECK(names_in(outside + "/inner").empty());
  CHECK_EQ(get(outside + "/secret"), std::string("secret"));
  struct stat after = look(outside), after_inner = look(outside + "/inner");
  CHECK_EQ(after.st_mode, before.st_mode);
  CHECK_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
  CHECK_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  CHECK_EQ(after_inner.st_mode, before_inner.st_mode);
}

TEST(a_directory_that_another_took_the_place_of_is_estale) {
  Scratch root;
  fs::SinkOptions options;
  options.max_open_directories = 1;
  auto sink = open_sink(root.path(), options);
  CHECK_EQ(mkdir((root / "a").c_str(), 0755), 0);
  CHECK_EQ(mkdir((root / "b").c_str(), 0755), 0);
  CHECK_OK(sink->add_directory(1, 0, "a", metadata(0755)));
  CHECK_OK(sink->add_directory(2, 0, "b", metadata(0755)));
  CHECK_EQ(rename((root / "a").c_str(), (root / "c").c_str()), 0);
  CHECK_EQ(mkdir((root / "a").c_str(), 0755), 0);
  Status status = sink->write_file(1, "file", bytes("x"), metadata(0644));
  CHECK_EQ(status.error_number(), ESTALE);
  CHECK_EQ(status.path(), std::string("a"));
  CHECK(names_in(root / "a").empty());
}

TEST(a_directory_number_means_one_directory) {
  Scratch root;
  fs::SinkOptions options;
  options.max_directories = 10;
  auto sink = open_sink(root.path(), options);
  CHECK_OK(sink->add_directory(1, 0, "a", metadata(0755)));
  CHECK_OK(sink->add_directory(1, 0, "a", metadata(0755)));
  CHECK_CODE(sink->add_directory(1, 0, "b", metadata(0755)), protocol);
  CHECK_OK(sink->add_directory(2, 1, "a", metadata(0755)));
  CHECK_CODE(sink->add_directory(2, 0, "a", metadata(0755)), protocol);
  CHECK_CODE(sink->add_directory(3, 3, "c", metadata(0755)), protocol);
  CHECK_CODE(sink->add_directory(3, 4, "c", metadata(0755)), protocol);
  CHECK_CODE(sink->add_directory(3, UINT32_MAX, "c", metadata(0755)), protocol);
  CHECK_CODE(sink->add_directory(10, 0, "c", metadata(0755)), limit);
  CHECK_CODE(sink->add_directory(UINT32_MAX, 0, "c", metadata(0755)), limit);
  CHECK_CODE(sink->add_directory(0, 1, "", metadata(0755)), protocol);
  CHECK_CODE(sink->add_directory(0, 0, "x", metadata(0755)), protocol);
  for (uint32_t unknown : {3u, 10u, 1u << 31, UINT32_MAX}) {
    CHECK_CODE(sink->write_file(unknown, "f", bytes("x"), metadata(0644)), protocol);
    CHECK_CODE(sink->create_file(unknown, "f", 1), protocol);
    CHECK_CODE(sink->symlink(unknown, "f", "x", metadata(0777)), protocol);
    CHECK_CODE(sink->hard_link(unknown, "f", 1, "x"), protocol);
    CHECK_CODE(sink->hard_link(1, "f", unknown, "x"), protocol);
  }
}

TEST(what_leads_to_the_root_cannot_be_named_by_a_peer) {
  Scratch scratch;
  // The anchor and the missing parents have numbers of their own.
  auto sink = open_sink(scratch / "a/b/c");
  for (uint32_t number = UINT32_MAX; number > UINT32_MAX - 4; number--) {
    CHECK_CODE(sink->write_file(number, "f", bytes("x"), metadata(0644)), protocol);
    CHECK_CODE(sink->add_directory(1, number, "f", metadata(0755)), protocol);
    CHECK_CODE(sink->create_file(number, "f", 1), protocol);
    CHECK_CODE(sink->symlink(number, "f", "x", metadata(0777)), protocol);
    CHECK_CODE(sink->hard_link(number, "f", number, "x"), protocol);
  }
}

TEST(names_that_collide_are_refused_in_a_new_folder) {
  Scratch root;
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  CHECK_OK(sink->write_file(1, "a", bytes("first"), metadata(0644)));
  CHECK_OK(sink->add_directory(2, 1, "d", metadata(0755)));
  CHECK_EQ(sink->write_file(1, "a", bytes("second"), metadata(0644)).error_number(), EEXIST);
  Result<std::unique_ptr<fs::FileSink>> again = sink->create_file(1, "a", 1);
  CHECK_EQ(again.status().error_number(), EEXIST);
  CHECK_EQ(again.status().path(), std::string("new/a"));
  CHECK_EQ(sink->symlink(1, "a", "x", metadata(0777)).error_number(), EEXIST);
  CHECK_EQ(sink->hard_link(1, "a", 1, "a").error_number(), EEXIST);
  CHECK_EQ(sink->write_file(1, "d", bytes("x"), metadata(0644)).error_number(), EEXIST);
  CHECK_EQ(sink->add_directory(3, 1, "a", metadata(0755)).error_number(), EEXIST);
  CHECK_EQ(sink->add_directory(4, 1, "d", metadata(0755)).error_number(), EEXIST);
  CHECK_OK(commit(*sink));
  CHECK_EQ(get(root / "new/a"), std::string("first"));
}

TEST(a_folder_announced_twice_becomes_one) {
  Scratch root;
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  CHECK_OK(sink->add_directory(2, 0, "new", metadata(0755)));
  CHECK_OK(sink->write_file(1, "a", bytes("x"), metadata(0644)));
  CHECK_OK(sink->write_file(2, "b", bytes("x"), metadata(0644)));
  CHECK_OK(commit(*sink));
  CHECK_EQ(listing(root.path()), std::string("new"));
  CHECK_EQ(listing(root / "new"), std::string("a b"));
}

TEST(numbers_that_the_kernel_reads_otherwise_are_refused) {
  Scratch root;
  auto sink = open_sink(root.path());
  auto refused = [&](fs::Metadata bad) {
    CHECK_CODE(sink->write_file(0, "f", bytes("x"), bad), protocol);
    CHECK_CODE(sink->symlink(0, "f", "x", bad), protocol);
    CHECK_CODE(sink->add_directory(1, 0, "d", bad), protocol);
    CHECK_CODE(sink->add_directory(0, 0, "", bad), protocol);
    Result<std::unique_ptr<fs::FileSink>> file = sink->create_file(0, "f", 1);
    CHECK_OK(file);
    CHECK_CODE((*file)->finish(0, bad), protocol);
  };
  refused(metadata(0644, 0, 1'000'000'000));
  refused(metadata(0644, 0, UTIME_NOW));
  refused(metadata(0644, 0, UTIME_OMIT));
  refused(metadata(0644, 0, UINT32_MAX));
  refused(metadata(0100644));
  refused(metadata(UINT32_MAX));
  fs::Metadata nobody = metadata(0644);
  nobody.uid = UINT32_MAX;
  refused(nobody);
  nobody = metadata(0644);
  nobody.gid = UINT32_MAX;
  refused(nobody);
  CHECK(names_in(root.path()).empty());
  // Times beyond what a file system can keep are cut by the kernel, not refused.
  CHECK_OK(sink->write_file(0, "past", bytes("x"), metadata(0644, INT64_MIN)));
  CHECK_OK(sink->write_file(0, "future", bytes("x"), metadata(0644, INT64_MAX)));
  Result<std::unique_ptr<fs::FileSink>> file = sink->create_file(0, "f", UINT64_MAX);
  CHECK_OK(file);
  CHECK_EQ((*file)->finish(UINT64_MAX, metadata(0644)).error_number(), EINVAL);
  CHECK_EQ((*file)->write_at(bytes("x"), UINT64_MAX).error_number(), EINVAL);
}

TEST(connections_share_a_sink) {
  constexpr int kThreads = 4, kDirectories = 50, kFiles = 20;
  Scratch root;
  fs::SinkOptions options;
  options.max_open_directories = 8;
  auto sink = open_sink(root.path(), options);
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; thread++) {
    threads.emplace_back([&, thread] {
      for (uint32_t id = 1; id <= kDirectories; id++) {
        if (!sink->add_directory(id, id / 2, "d" + std::to_string(id), metadata(0755)).ok()) failed++;
        for (int file = 0; file < kFiles; file++) {
          std::string name = std::to_string(thread) + "-" + std::to_string(file);
          if (!sink->write_file(id, name, bytes(name), metadata(0644)).ok()) failed++;
          if (sink->path_of(id, name).empty()) failed++;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(failed.load(), 0);
  CHECK_OK(commit(*sink));
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root.path())) {
    if (entry.is_regular_file()) files++;
  }
  CHECK_EQ(files, size_t{kThreads * kDirectories * kFiles});
}
