// The end of a transfer: renamed into place, merged with what appeared meanwhile, or gone without trace.
#include <sys/resource.h>

#include "fs/sink.h"
#include "tests/fs_support.h"

using namespace ktls;
using namespace ktls::test;

namespace {

// A chain of `depth` new folders with a file in each, numbered from 1.
void send_chain(fs::Sink& sink, uint32_t depth) {
  for (uint32_t id = 1; id <= depth; id++) {
    CHECK_OK(sink.add_directory(id, id - 1, "directory", metadata(0755, id)));
    CHECK_OK(sink.write_file(id, "file", bytes("x"), metadata(0644)));
  }
}

void limit_descriptors(rlim_t count) {
  rlimit limit{};
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = count;
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

}  // namespace

TEST(a_folder_that_appeared_meanwhile_is_merged_with) {
  Scratch root;
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0555, 11)));
  CHECK_OK(sink->add_directory(2, 1, "both", metadata(0500, 22)));
  CHECK_OK(sink->add_directory(3, 2, "mine", metadata(0511, 33)));
  CHECK_OK(sink->write_file(1, "file", bytes("mine"), metadata(0644)));
  CHECK_OK(sink->write_file(2, "same", bytes("mine"), metadata(0644)));
  CHECK_OK(sink->write_file(3, "deep", bytes("mine"), metadata(0644)));
  CHECK_EQ(mkdir((root / "new").c_str(), 0755), 0);
  CHECK_EQ(mkdir((root / "new/both").c_str(), 0755), 0);
  put(root / "new/theirs", "theirs");
  put(root / "new/both/same", "theirs");
  CHECK_OK(commit(*sink));
  CHECK_EQ(listing(root.path()), std::string("new"));
  CHECK_EQ(listing(root / "new"), std::string("both file theirs"));
  CHECK_EQ(listing(root / "new/both"), std::string("mine same"));
  CHECK_EQ(get(root / "new/both/same"), std::string("mine"));
  CHECK_EQ(get(root / "new/both/mine/deep"), std::string("mine"));
  CHECK_EQ(mode_of(root / "new"), 0555u);
  CHECK_EQ(mode_of(root / "new/both"), 0500u);
  CHECK_EQ(mode_of(root / "new/both/mine"), 0511u);
  CHECK_EQ(look(root / "new").st_mtim.tv_sec, 11);
  CHECK_EQ(look(root / "new/both").st_mtim.tv_sec, 22);
  CHECK_EQ(look(root / "new/both/mine").st_mtim.tv_sec, 33);
}

TEST(merging_works_for_a_user_whose_folders_are_read_only) {
  Scratch root;
  CHECK_EQ(chmod(root.path().c_str(), 0777), 0);
  in_child([&] {
    if (getuid() == 0) CHECK_EQ(setuid(65534), 0);
    auto sink = open_sink(root.path());
    CHECK_OK(sink->add_directory(1, 0, "new", metadata(0555, 11)));
    CHECK_OK(sink->add_directory(2, 1, "inner", metadata(0, 22)));
    CHECK_OK(sink->add_directory(3, 1, "both", metadata(0555, 33)));
    CHECK_OK(sink->write_file(2, "file", bytes("x"), metadata(0400)));
    CHECK_OK(sink->write_file(3, "file", bytes("x"), metadata(0400)));
    CHECK_EQ(mkdir((root / "new").c_str(), 0755), 0);
    CHECK_EQ(mkdir((root / "new/both").c_str(), 0755), 0);
    CHECK_OK(commit(*sink));
    CHECK_EQ(mode_of(root / "new/inner"), 0u);
    CHECK_EQ(mode_of(root / "new/both"), 0555u);
    CHECK_EQ(look(root / "new/inner").st_mtim.tv_sec, 22);
  });
  CHECK_EQ(listing(root.path()), std::string("new"));
  CHECK_EQ(listing(root / "new"), std::string("both inner"));
}

TEST(merging_keeps_to_overwrite_and_to_kinds) {
  struct Case {
    bool overwrite;
    bool mine_is_folder, theirs_is_folder;
    Code code;
    int error;
  };
  for (const Case& merge :
       {Case{false, false, false, Code::exists, 0}, Case{true, false, true, Code::system, EISDIR},
        Case{true, true, false, Code::system, ENOTDIR}}) {
    Scratch root;
    fs::SinkOptions options;
    options.overwrite = merge.overwrite;
    auto sink = open_sink(root.path(), options);
    CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
    CHECK_OK(merge.mine_is_folder ? sink->add_directory(2, 1, "x", metadata(0755))
                                  : sink->write_file(1, "x", bytes("mine"), metadata(0644)));
    CHECK_EQ(mkdir((root / "new").c_str(), 0755), 0);
    if (merge.theirs_is_folder) {
      CHECK_EQ(mkdir((root / "new/x").c_str(), 0755), 0);
    } else {
      put(root / "new/x", "theirs");
    }
    Status status = commit(*sink);
    CHECK_EQ(status.code(), merge.code);
    CHECK_EQ(status.error_number(), merge.error);
    CHECK_EQ(status.path(), std::string("new/x"));
    sink.reset();
    CHECK_EQ(listing(root.path()), std::string("new"));
    if (!merge.theirs_is_folder) CHECK_EQ(get(root / "new/x"), std::string("theirs"));
  }
}

TEST(a_file_or_symlink_that_took_a_folders_name_is_enotdir) {
  Scratch root;
  CHECK_EQ(mkdir((root / "outside").c_str(), 0755), 0);
  CHECK_EQ(mkdir((root / "in").c_str(), 0755), 0);
  auto sink = open_sink(root / "in");
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  CHECK_OK(sink->write_file(1, "file", bytes("x"), metadata(0644)));
  CHECK_EQ(symlink("../outside", (root / "in/new").c_str()), 0);
  Status status = commit(*sink);
  CHECK_EQ(status.error_number(), ENOTDIR);
  CHECK_EQ(status.path(), std::string("new"));
  sink.reset();
  CHECK(names_in(root / "outside").empty());
  CHECK_EQ(listing(root / "in"), std::string("new"));
}

TEST(a_root_that_appeared_meanwhile_is_merged_with) {
  Scratch scratch;
  auto sink = open_sink(scratch / "a/b");
  CHECK_OK(sink->write_file(0, "mine", bytes("x"), metadata(0644)));
  CHECK_EQ(mkdir((scratch / "a").c_str(), 0755), 0);
  put(scratch / "a/theirs", "x");
  CHECK_OK(commit(*sink));
  CHECK_EQ(listing(scratch.path()), std::string("a"));
  CHECK_EQ(listing(scratch / "a"), std::string("b theirs"));
  CHECK_EQ(listing(scratch / "a/b"), std::string("mine"));
}

TEST(discard_leaves_nothing_but_finished_files) {
  Scratch root;
  CHECK_EQ(mkdir((root / "old").c_str(), 0755), 0);
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  CHECK_OK(sink->add_directory(2, 0, "old", metadata(0755)));
  CHECK_OK(sink->add_directory(3, 2, "new", metadata(0755)));
  CHECK_OK(sink->add_directory(4, 3, "inner", metadata(0755)));
  CHECK_OK(sink->write_file(1, "file", bytes("x"), metadata(0)));
  CHECK_OK(sink->write_file(4, "file", bytes("x"), metadata(0644)));
  CHECK_OK(sink->symlink(4, "link", root / "old", metadata(0777)));
  CHECK_OK(sink->write_file(2, "finished", bytes("x"), metadata(0644)));
  Result<std::unique_ptr<fs::FileSink>> in_new = sink->create_file(4, "half", 1);
  CHECK_OK(in_new);
  Result<std::unique_ptr<fs::FileSink>> in_old = sink->create_file(2, "half", 1);
  CHECK_OK(in_old);
  sink->discard();
  in_new->reset();
  in_old->reset();
  CHECK_EQ(listing(root.path()), std::string("old"));
  CHECK_EQ(listing(root / "old"), std::string("finished"));
}

TEST(a_missing_root_that_was_discarded_is_missing_again) {
  Scratch scratch;
  { auto sink = open_sink(scratch / "a/b", {}, {"c"}); }
  CHECK(names_in(scratch.path()).empty());
}

TEST(a_cancelled_commit_ends_at_once_and_leaves_nothing) {
  Scratch root;
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  Result<std::shared_ptr<Cancel>> cancel = Cancel::create();
  CHECK_OK(cancel);
  (*cancel)->set();
  CHECK_CODE(sink->commit(**cancel, [](const Status&) {}), cancelled);
  sink.reset();
  CHECK(names_in(root.path()).empty());
}

TEST(folders_that_lock_their_owner_out_are_removed_too) {
  Scratch root;
  CHECK_EQ(chmod(root.path().c_str(), 0777), 0);
  in_child([&] {
    if (getuid() == 0) CHECK_EQ(setuid(65534), 0);
    auto sink = open_sink(root.path());
    CHECK_OK(sink->add_directory(1, 0, "new", metadata(0)));
    CHECK_OK(sink->add_directory(2, 1, "inner", metadata(0)));
    CHECK_OK(sink->add_directory(3, 2, "deep", metadata(0555)));
    CHECK_OK(sink->write_file(3, "file", bytes("x"), metadata(0)));
    CHECK_OK(sink->write_file(2, "file", bytes("x"), metadata(0)));
    // All modes are set when the rename fails.
    put(root / "new", "in the way");
    CHECK_EQ(commit(*sink).error_number(), ENOTDIR);
    CHECK_EQ(names_in(root.path()).size(), size_t{2});
    sink.reset();
  });
  CHECK_EQ(listing(root.path()), std::string("new"));
}

TEST(another_directory_under_a_temporary_name_is_left_alone) {
  Scratch root;
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  std::string staged = names_in(root.path())[0];
  CHECK_EQ(rename((root / staged).c_str(), (root / "moved").c_str()), 0);
  CHECK_EQ(mkdir((root / "theirs").c_str(), 0755), 0);
  put(root / "theirs/file", "x");
  CHECK_EQ(symlink("theirs", (root / staged).c_str()), 0);
  sink->discard();
  CHECK_EQ(get(root / "theirs/file"), std::string("x"));
  CHECK_EQ(unlink((root / staged).c_str()), 0);
  CHECK_EQ(rename((root / "theirs").c_str(), (root / staged).c_str()), 0);
  sink.reset();
  CHECK_EQ(get(root / staged / "file"), std::string("x"));
}

TEST(a_tree_thousands_deep_is_kept_or_discarded_with_few_descriptors) {
  constexpr uint32_t kDepth = 3000;
  Scratch root;
  in_child([&] {
    limit_descriptors(128);
    {
      auto sink = open_sink(root.path());
      send_chain(*sink, kDepth);
      // Far from the last one that is open.
      CHECK_OK(sink->write_file(1, "again", bytes("x"), metadata(0644)));
      CHECK_OK(sink->write_file(kDepth / 2, "again", bytes("x"), metadata(0644)));
      CHECK_EQ(sink->path_of(kDepth, "file").size(), size_t{kDepth * 10 + 4});
      CHECK_OK(commit(*sink));
    }
    Fd at(open(root.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (uint32_t id = 1; id <= kDepth; id++) {
      at = Fd(openat(at.get(), "directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      CHECK(at);
      struct stat attributes;
      CHECK_EQ(fstat(at.get(), &attributes), 0);
      CHECK_EQ(attributes.st_mtim.tv_sec, int64_t{id});
    }
    CHECK_EQ(faccessat(at.get(), "file", F_OK, 0), 0);
  });
  CHECK_EQ(mkdir((root / "second").c_str(), 0755), 0);
  in_child([&] {
    limit_descriptors(128);
    auto sink = open_sink(root / "second");
    send_chain(*sink, kDepth);
    sink->discard();
    CHECK(names_in(root / "second").empty());
  });
}

TEST(descriptors_are_bounded_and_all_given_back) {
  Scratch root;
  size_t before = open_descriptors();
  {
    fs::SinkOptions options;
    options.max_open_directories = 32;
    auto sink = open_sink(root.path(), options);
    for (uint32_t id = 1; id <= 1000; id++) {
      CHECK_OK(sink->add_directory(id, id / 10, "d" + std::to_string(id), metadata(0755)));
    }
    CHECK(open_descriptors() <= before + 33);
    for (uint32_t id = 1; id <= 1000; id++) CHECK_OK(sink->write_file(id, "f", bytes("x"), metadata(0644)));
    CHECK_OK(commit(*sink));
    CHECK(open_descriptors() <= before + 33);
  }
  CHECK_EQ(open_descriptors(), before);
}

TEST(sinks_of_one_process_share_its_descriptors) {
  Scratch root;
  in_child([&] {
    limit_descriptors(256);
    size_t before = open_descriptors();
    std::vector<std::shared_ptr<fs::Sink>> sinks;
    constexpr size_t kSinks = 8;
    for (size_t number = 0; number < kSinks; number++) {
      sinks.push_back(open_sink(root / std::to_string(number)));
      for (uint32_t id = 1; id <= 100; id++) {
        CHECK_OK(sinks[number]->add_directory(id, 0, "d" + std::to_string(id), metadata(0755)));
      }
    }
    // A quarter of the limit, and what each keeps in any case: its anchor, and one more.
    CHECK(open_descriptors() <= before + 64 + 2 * kSinks);
    for (const auto& sink : sinks) {
      for (uint32_t id = 1; id <= 100; id++) CHECK_OK(sink->write_file(id, "f", bytes("x"), metadata(0644)));
    }
    CHECK(open_descriptors() <= before + 64 + 2 * kSinks);
    for (const auto& sink : sinks) CHECK_OK(commit(*sink));
    sinks.clear();
    CHECK_EQ(open_descriptors(), before);
  });
}
