// The receiver's files and folders: what appears where, under which name, with which attributes.
#include "fs/sink.h"

#include <sys/xattr.h>

#include <thread>

#include "tests/fs_support.h"

using namespace ktls;
using namespace ktls::test;

namespace {

// The one entry of a directory that is under a temporary name.
std::string temporary_in(const std::string& path) {
  std::string found;
  for (const std::string& name : names_in(path)) {
    if (!name.starts_with(".ktls-transfer-")) continue;
    CHECK(found.empty());
    found = name;
  }
  CHECK(!found.empty());
  return found;
}

void check_metadata(const std::string& path, const fs::Metadata& expected) {
  struct stat found = look(path);
  CHECK_EQ(found.st_mode & 07777, expected.mode);
  CHECK_EQ(found.st_mtim.tv_sec, expected.mtime_seconds);
  CHECK_EQ(found.st_mtim.tv_nsec, long{expected.mtime_nanoseconds});
}

}  // namespace

TEST(a_new_folder_appears_at_once_when_whole) {
  Scratch root;
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  CHECK_OK(sink->add_directory(2, 1, "inner", metadata(0711, 77, 5)));
  CHECK_OK(sink->write_file(1, "file", bytes("content"), metadata(0640)));
  CHECK_OK(sink->write_file(2, "deep", bytes(""), metadata(0444)));
  std::string staged = temporary_in(root.path());
  CHECK_EQ(listing(root.path()), staged);
  CHECK_EQ(mode_of(root / staged), 0700u);
  CHECK_EQ(listing(root / staged), std::string("file inner"));
  CHECK_OK(commit(*sink));
  CHECK_EQ(listing(root.path()), std::string("new"));
  CHECK_EQ(get(root / "new/file"), std::string("content"));
  check_metadata(root / "new", metadata(0755));
  check_metadata(root / "new/inner", metadata(0711, 77, 5));
  check_metadata(root / "new/file", metadata(0640));
  check_metadata(root / "new/inner/deep", metadata(0444));
}

TEST(a_file_in_a_folder_that_was_there_has_its_name_when_whole) {
  Scratch root;
  put(root / "file", "old");
  auto sink = open_sink(root.path());
  Result<std::unique_ptr<fs::FileSink>> file = sink->create_file(0, "file", 10);
  CHECK_OK(file);
  CHECK_OK((*file)->write(bytes("new ")));
  CHECK_EQ(get(root / "file"), std::string("old"));
  CHECK_EQ(get(root / temporary_in(root.path())), std::string("new "));
  CHECK_OK((*file)->write(bytes("content")));
  CHECK_OK((*file)->finish(11, metadata(0600)));
  CHECK_EQ(get(root / "file"), std::string("new content"));
  CHECK_EQ(listing(root.path()), std::string("file"));
  check_metadata(root / "file", metadata(0600));
  CHECK_OK(sink->write_file(0, "file", bytes("again"), metadata(0644)));
  CHECK_EQ(get(root / "file"), std::string("again"));
}

TEST(an_unfinished_file_is_removed) {
  Scratch root;
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  {
    Result<std::unique_ptr<fs::FileSink>> in_old = sink->create_file(0, "a", 0);
    CHECK_OK(in_old);
    Result<std::unique_ptr<fs::FileSink>> in_new = sink->create_file(1, "b", 0);
    CHECK_OK(in_new);
    CHECK_OK((*in_new)->write(bytes("half")));
  }
  CHECK_OK(sink->write_file(1, "b", bytes("whole"), metadata(0644)));
  CHECK_OK(commit(*sink));
  CHECK_EQ(listing(root.path()), std::string("new"));
  CHECK_EQ(get(root / "new/b"), std::string("whole"));
}

TEST(a_file_sink_outlives_its_sink) {
  Scratch root;
  auto sink = open_sink(root.path());
  Result<std::unique_ptr<fs::FileSink>> file = sink->create_file(0, "a", 0);
  CHECK_OK(file);
  sink.reset();
  CHECK_OK((*file)->write(bytes("x")));
  CHECK_OK((*file)->finish(1, metadata(0644)));
  CHECK_EQ(listing(root.path()), std::string("a"));
}

TEST(parts_of_a_file_arrive_in_any_order_and_finish_cuts_it) {
  Scratch root;
  auto sink = open_sink(root.path());
  Result<std::unique_ptr<fs::FileSink>> file = sink->create_file(0, "file", uint64_t{8} << 20);
  CHECK_OK(file);
  std::string second(1 << 20, 'b'), first(1 << 20, 'a');
  std::thread other([&] { (void)(*file)->write_at(bytes(second), 1 << 20); });
  CHECK_OK((*file)->write_at(bytes(first), 0));
  other.join();
  CHECK_OK((*file)->finish((2 << 20) - 1, metadata(0644)));
  second.pop_back();
  CHECK(get(root / "file") == first + second);
  // Nothing that was reserved is kept.
  CHECK(look(root / "file").st_blocks * 512 <= (2 << 20) + 65536);
}

TEST(a_size_alone_reserves_no_more_than_a_gibibyte) {
  Scratch root;
  auto sink = open_sink(root.path());
  Result<std::unique_ptr<fs::FileSink>> huge = sink->create_file(0, "huge", UINT64_MAX);
  CHECK_OK(huge);
  struct stat attributes;
  CHECK_EQ(fstat((*huge)->fd(), &attributes), 0);
  CHECK(attributes.st_blocks * 512 <= (int64_t{1} << 30) + (1 << 20));
  CHECK_EQ(attributes.st_size, 0);
  Result<std::unique_ptr<fs::FileSink>> small = sink->create_file(0, "small", (1 << 20) - 1);
  CHECK_OK(small);
  CHECK_EQ(fstat((*small)->fd(), &attributes), 0);
  CHECK_EQ(attributes.st_blocks, 0);
}

TEST(open_files_reserve_no_more_than_a_gibibyte_together) {
  Scratch root;
  auto sink = open_sink(root.path());
  auto reserved = [&](const char* name) {
    Result<std::unique_ptr<fs::FileSink>> file = sink->create_file(0, name, uint64_t{600} << 20);
    CHECK_OK(file);
    struct stat attributes;
    CHECK_EQ(fstat((*file)->fd(), &attributes), 0);
    return std::pair(std::move(*file), attributes.st_blocks * 512);
  };
  constexpr int64_t kSlack = 1 << 20;
  auto [first, of_first] = reserved("first");
  auto [second, of_second] = reserved("second");
  auto [third, of_third] = reserved("third");
  CHECK(of_first + of_second + of_third <= (int64_t{1} << 30) + kSlack);
  // What the first gives back, another gets: tmpfs is never asked.
  first.reset();
  auto [fourth, of_fourth] = reserved("fourth");
  CHECK(of_fourth >= of_first);
}

TEST(modes_are_exact_whatever_the_umask) {
  for (mode_t mask : {0, 022, 077}) {
    Scratch root;
    in_child([&] {
      umask(mask);
      auto sink = open_sink(root.path());
      CHECK_OK(sink->add_directory(1, 0, "new", metadata(01777)));
      CHECK_OK(sink->write_file(1, "a", bytes("x"), metadata(0666)));
      CHECK_OK(sink->write_file(1, "b", bytes("x"), metadata(0)));
      CHECK_OK(sink->write_file(1, "c", bytes("x"), metadata(01755)));
      CHECK_OK(sink->write_file(0, "d", bytes("x"), metadata(0777)));
      CHECK_OK(commit(*sink));
      CHECK_EQ(umask(mask), mask);
    });
    CHECK_EQ(mode_of(root / "new"), 01777u);
    CHECK_EQ(mode_of(root / "new/a"), 0666u);
    CHECK_EQ(mode_of(root / "new/b"), 0u);
    CHECK_EQ(mode_of(root / "new/c"), 01755u);
    CHECK_EQ(mode_of(root / "d"), 0777u);
  }
}

TEST(modes_are_exact_where_a_default_acl_would_change_them) {
  Scratch root;
  // Version 2; user::rwx, group::r-x, other::--- (acl(5), linux/posix_acl_xattr.h).
  const uint8_t acl[] = {2, 0, 0,   0,   1,   0,   7,  0, 255, 255, 255, 255, 4,   0,
                         5, 0, 255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255};
  CHECK_EQ(setxattr(root.path().c_str(), "system.posix_acl_default", acl, sizeof acl, 0), 0);
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  CHECK_OK(sink->add_directory(2, 1, "inner", metadata(0755)));
  CHECK_OK(sink->write_file(0, "a", bytes("x"), metadata(0644)));
  CHECK_OK(sink->write_file(1, "b", bytes("x"), metadata(0644)));
  CHECK_OK(sink->write_file(2, "c", bytes("x"), metadata(0644)));
  CHECK_OK(commit(*sink));
  CHECK_EQ(mode_of(root / "a"), 0644u);
  CHECK_EQ(mode_of(root / "new/b"), 0644u);
  CHECK_EQ(mode_of(root / "new/inner/c"), 0644u);
  CHECK_EQ(mode_of(root / "new/inner"), 0755u);
}

TEST(set_id_bits_stay_only_with_the_ids_that_they_are_of) {
  Scratch root;
  CHECK_EQ(chmod(root.path().c_str(), 0777), 0);
  in_child([&] {
    if (getuid() == 0) CHECK_EQ(setgid(65534) | setuid(65534), 0);
    auto sink = open_sink(root.path());
    fs::Metadata same = metadata(06755);
    fs::Metadata group_alone = same;
    group_alone.uid += 1;
    fs::Metadata other = group_alone;
    other.gid += 1;
    CHECK_OK(sink->write_file(0, "same", bytes("x"), same));
    CHECK_OK(sink->write_file(0, "group alone", bytes("x"), group_alone));
    CHECK_OK(sink->write_file(0, "other", bytes("x"), other));
  });
  CHECK_EQ(mode_of(root / "same"), 06755u);
  CHECK_EQ(mode_of(root / "group alone"), 02755u);
  CHECK_EQ(mode_of(root / "other"), 0755u);
}

TEST(what_a_peer_says_of_owners_makes_no_program_that_runs_as_root) {
  CHECK_EQ(getuid(), 0u);
  Scratch root;
  auto sink = open_sink(root.path());
  CHECK_OK(sink->write_file(0, "file", bytes("x"), metadata(06755)));
  CHECK_EQ(mode_of(root / "file"), 0755u);
}

TEST(ownership_is_set_before_the_mode) {
  CHECK_EQ(getuid(), 0u);  // only root gives files away
  Scratch root;
  fs::SinkOptions options;
  options.ownership = true;
  auto sink = open_sink(root.path(), options);
  fs::Metadata theirs = metadata(04755);
  theirs.uid = 1234;
  theirs.gid = 4321;
  CHECK_OK(sink->add_directory(1, 0, "new", theirs));
  CHECK_OK(sink->write_file(1, "file", bytes("x"), theirs));
  CHECK_OK(sink->symlink(1, "link", "file", theirs));
  CHECK_OK(sink->symlink(0, "link", "/etc/passwd", theirs));
  CHECK_OK(commit(*sink));
  uid_t untouched = 0;
  CHECK_EQ(look("/etc/passwd").st_uid, untouched);
  for (const char* name : {"new", "new/file", "new/link", "link"}) {
    CHECK_EQ(look(root / name).st_uid, 1234u);
    CHECK_EQ(look(root / name).st_gid, 4321u);
  }
  CHECK_EQ(mode_of(root / "new/file"), 04755u);
}

TEST(overwrite_off_leaves_what_is_there) {
  Scratch root;
  put(root / "file", "old");
  fs::SinkOptions options;
  options.overwrite = false;
  auto sink = open_sink(root.path(), options);
  CHECK_CODE(sink->write_file(0, "file", bytes("new"), metadata(0644)), exists);
  CHECK_CODE(sink->create_file(0, "file", 1), exists);
  CHECK_CODE(sink->symlink(0, "file", "x", metadata(0777)), exists);
  Result<std::unique_ptr<fs::FileSink>> late = sink->create_file(0, "late", 1);
  CHECK_OK(late);
  put(root / "late", "earlier");
  Status refused = (*late)->finish(0, metadata(0644));
  CHECK_CODE(refused, exists);
  CHECK_EQ(refused.path(), std::string("late"));
  late->reset();
  CHECK_OK(sink->write_file(0, "other", bytes("new"), metadata(0644)));
  CHECK_OK(sink->hard_link(0, "another", 0, "other"));
  CHECK_CODE(sink->hard_link(0, "file", 0, "other"), exists);
  CHECK_OK(commit(*sink));
  CHECK_EQ(get(root / "file"), std::string("old"));
  CHECK_EQ(get(root / "late"), std::string("earlier"));
  CHECK_EQ(listing(root.path()), std::string("another file late other"));
}

TEST(symlinks_are_data) {
  Scratch root;
  put(root / "old", "x");
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  std::string longest(4095, 't');
  CHECK_OK(sink->symlink(1, "a", "/etc/passwd", metadata(0777, 5, 6)));
  CHECK_OK(sink->symlink(1, "b", longest, metadata(0777)));
  CHECK_OK(sink->symlink(0, "old", "../..", metadata(0777)));
  CHECK_EQ(sink->symlink(1, "c", longest + "t", metadata(0777)).error_number(), ENAMETOOLONG);
  CHECK_CODE(sink->symlink(1, "d", std::string("a\0b", 3), metadata(0777)), protocol);
  CHECK_OK(commit(*sink));
  CHECK_EQ(std::filesystem::read_symlink(root / "new/a"), std::filesystem::path("/etc/passwd"));
  CHECK_EQ(look(root / "new/a").st_mtim.tv_sec, 5);
  CHECK_EQ(look(root / "new/a").st_mtim.tv_nsec, 6);
  CHECK_EQ(std::filesystem::read_symlink(root / "old"), std::filesystem::path("../.."));
  CHECK_EQ(listing(root.path()), std::string("new old"));
}

TEST(hard_links_are_links_within_the_tree) {
  Scratch root;
  put(root / "taken", "old");
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
  CHECK_OK(sink->write_file(1, "one", bytes("x"), metadata(0644)));
  CHECK_OK(sink->write_file(0, "first", bytes("y"), metadata(0644)));
  CHECK_OK(sink->hard_link(1, "two", 1, "one"));
  CHECK_OK(sink->hard_link(0, "three", 1, "one"));
  CHECK_OK(sink->hard_link(0, "taken", 0, "first"));
  // The same inode already: rename(2) does nothing then, and no temporary name may be left.
  CHECK_OK(sink->hard_link(0, "taken", 0, "first"));
  CHECK_EQ(sink->hard_link(1, "four", 1, "none").error_number(), ENOENT);
  CHECK_EQ(sink->hard_link(1, "two", 1, "one").error_number(), EEXIST);
  CHECK_CODE(sink->hard_link(1, "five", 1, "../first"), unsafe_path);
  CHECK_OK(commit(*sink));
  CHECK_EQ(look(root / "new/one").st_nlink, nlink_t{3});
  CHECK_EQ(look(root / "new/one").st_ino, look(root / "three").st_ino);
  CHECK_EQ(look(root / "first").st_ino, look(root / "taken").st_ino);
  CHECK_EQ(listing(root.path()), std::string("first new taken three"));
}

TEST(a_hard_link_to_a_symlink_links_the_symlink_itself) {
  Scratch root;
  put(root / "target", "x");
  CHECK_EQ(symlink("target", (root / "link").c_str()), 0);
  auto sink = open_sink(root.path());
  CHECK_OK(sink->hard_link(0, "again", 0, "link"));
  CHECK(S_ISLNK(look(root / "again").st_mode));
  CHECK_EQ(look(root / "target").st_nlink, nlink_t{1});
}

TEST(folders_that_were_there_are_used_and_get_the_metadata_that_came) {
  Scratch root;
  CHECK_EQ(mkdir((root / "old").c_str(), 0700), 0);
  CHECK_EQ(mkdir((root / "untold").c_str(), 0705), 0);
  put(root / "old/kept", "x");
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(0, 0, "", metadata(0751, 9)));
  CHECK_OK(sink->add_directory(1, 0, "old", metadata(0750, 7)));
  CHECK_OK(sink->write_file(1, "file", bytes("x"), metadata(0644)));
  CHECK_OK(commit(*sink));
  CHECK_EQ(listing(root / "old"), std::string("file kept"));
  check_metadata(root / "old", metadata(0750, 7));
  check_metadata(root.path(), metadata(0751, 9));
  CHECK_EQ(mode_of(root / "untold"), 0705u);
}

TEST(folders_that_were_there_and_are_read_only_are_written_to_by_their_owner) {
  for (bool kept : {true, false}) {
    for (bool root_is_told : {true, false}) {
      Scratch scratch;
      CHECK_EQ(chmod(scratch.path().c_str(), 0777), 0);
      std::string root = scratch / "root";
      in_child([&] {
        if (getuid() == 0) CHECK_EQ(setuid(65534), 0);
        for (const char* name : {"", "/ro", "/ro/deep", "/none"}) {
          CHECK_EQ(mkdir((root + name).c_str(), 0755), 0);
        }
        put(root + "/ro/f", "old");
        for (const char* name : {"/none", "/ro/deep", "/ro", ""}) {
          CHECK_EQ(chmod((root + name).c_str(), *name == '/' && name[1] == 'n' ? 0 : 0555), 0);
        }
        fs::SinkOptions options;
        // So few that each is closed and opened again.
        options.max_open_directories = 1;
        auto sink = open_sink(root, options);
        if (root_is_told) CHECK_OK(sink->add_directory(0, 0, "", metadata(0511, 11)));
        CHECK_OK(sink->add_directory(1, 0, "ro", metadata(0555, 22)));
        CHECK_OK(sink->add_directory(2, 1, "deep", metadata(0500, 33)));
        CHECK_OK(sink->add_directory(3, 0, "none", metadata(0, 44)));
        CHECK_OK(sink->add_directory(4, 2, "new", metadata(0555, 55)));
        for (uint32_t id : {0, 1, 2, 3, 4}) CHECK_OK(sink->write_file(id, "f", bytes("new"), metadata(0444)));
        if (kept) CHECK_OK(commit(*sink));
      });
      CHECK_EQ(mode_of(root), kept && root_is_told ? 0511u : 0555u);
      CHECK_EQ(mode_of(root + "/ro"), 0555u);
      CHECK_EQ(mode_of(root + "/ro/deep"), kept ? 0500u : 0555u);
      CHECK_EQ(mode_of(root + "/none"), 0u);
      CHECK_EQ(get(root + "/ro/f"), std::string("new"));
      CHECK_EQ(listing(root + "/ro/deep"), std::string(kept ? "f new" : "f"));
      if (kept) CHECK_EQ(look(root + "/ro").st_mtim.tv_sec, 22);
    }
  }
}

TEST(a_missing_root_and_its_parents_appear_at_once) {
  Scratch scratch;
  std::string root = scratch / "a//b/./c/";
  auto sink = open_sink(root, {}, {"d", "e"});
  CHECK_OK(sink->add_directory(0, 0, "", metadata(0711)));
  CHECK_OK(sink->write_file(0, "file", bytes("x"), metadata(0644)));
  CHECK_EQ(listing(scratch.path()), temporary_in(scratch.path()));
  CHECK_EQ(sink->path_of(0, "file"), std::string("file"));
  CHECK_OK(commit(*sink));
  CHECK_EQ(listing(scratch.path()), std::string("a"));
  CHECK_EQ(get(scratch / "a/b/c/d/e/file"), std::string("x"));
  CHECK_EQ(mode_of(scratch / "a/b/c/d/e"), 0711u);
  mode_t mask = umask(0);
  umask(mask);
  CHECK_EQ(mode_of(scratch / "a/b"), 0777u & ~mask);
}

TEST(a_relative_root_is_taken_from_the_working_directory) {
  Scratch scratch;
  in_child([&] {
    CHECK_EQ(chdir(scratch.path().c_str()), 0);
    auto sink = open_sink("new/inner");
    CHECK_OK(sink->write_file(0, "file", bytes("x"), metadata(0644)));
    CHECK_OK(commit(*sink));
  });
  CHECK_EQ(get(scratch / "new/inner/file"), std::string("x"));
}

TEST(a_root_that_cannot_be_is_refused) {
  Scratch scratch;
  put(scratch / "file", "x");
  CHECK_EQ(symlink("nowhere", (scratch / "dangling").c_str()), 0);
  auto error = [](const std::string& root) { return fs::Sink::open(root, {}, {}).status().error_number(); };
  CHECK_EQ(error(scratch / "file"), ENOTDIR);
  CHECK_EQ(error(scratch / "file/below"), ENOTDIR);
  CHECK_EQ(error(scratch / "dangling"), ENOTDIR);
  CHECK_EQ(error(scratch / "none/../x"), ENOENT);
  CHECK_EQ(error(""), ENOENT);
  CHECK_EQ(listing(scratch.path()), std::string("dangling file"));
}

TEST(names_of_any_bytes_and_length_are_kept) {
  Scratch root;
  auto sink = open_sink(root.path());
  CHECK_OK(sink->add_directory(1, 0, "new\n\xff", metadata(0755)));
  for (uint32_t directory : {0u, 1u}) {
    for (const std::string& name : {std::string(255, 'n'), std::string("\xff\xfe"), std::string("a\nb"),
                                    std::string("-rf"), std::string(" ")}) {
      CHECK_OK(sink->write_file(directory, name, bytes(name), metadata(0644)));
    }
  }
  CHECK_OK(sink->add_directory(2, 0, std::string(255, 'd'), metadata(0755)));
  CHECK_OK(commit(*sink));
  CHECK_EQ(names_in(root / "new\n\xff").size(), size_t{5});
  CHECK_EQ(get(root / std::string(255, 'n')).size(), size_t{255});
  CHECK(present(root / std::string(255, 'd')));
}

TEST(every_way_to_sync_ends_with_the_same_tree) {
  for (fs::Sync sync : {fs::Sync::none, fs::Sync::end, fs::Sync::file}) {
    Scratch root;
    fs::SinkOptions options;
    options.sync = sync;
    auto sink = open_sink(root / "missing", options);
    CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
    CHECK_OK(sink->write_file(1, "small", bytes("x"), metadata(0644)));
    Result<std::unique_ptr<fs::FileSink>> file = sink->create_file(0, "large", 1);
    CHECK_OK(file);
    CHECK_OK((*file)->finish(0, metadata(0644)));
    CHECK_OK(commit(*sink));
    CHECK_EQ(listing(root / "missing"), std::string("large new"));
  }
}
