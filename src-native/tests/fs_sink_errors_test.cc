// What a file system refuses comes back with its errno and the path, and leaves nothing behind.
#include <signal.h>
#include <sys/resource.h>

#include "fs/sink.h"
#include "tests/fs_support.h"

using namespace ktls;
using namespace ktls::test;

namespace {

void check_error(const Status& status, int error, const std::string& path) {
  if (!status.is(Code::system) || status.error_number() != error || status.path() != path) {
    fail(__FILE__, __LINE__, describe(status) + " is not errno " + std::to_string(error) + " of " + path);
  }
}

}  // namespace

TEST(a_full_disk_names_the_file_and_keeps_no_part_of_it) {
  Scratch root;
  on_tmpfs(root.path(), "size=1m", [&] {
    auto sink = open_sink(root.path());
    CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
    std::string large(2 << 20, 'x');
    check_error(sink->write_file(1, "large", bytes(large), metadata(0644)), ENOSPC, "new/large");
    check_error(sink->write_file(0, "large", bytes(large), metadata(0644)), ENOSPC, "large");
    {
      Result<std::unique_ptr<fs::FileSink>> file = sink->create_file(1, "other", large.size());
      CHECK_OK(file);
      check_error((*file)->write(bytes(large)), ENOSPC, "new/other");
    }
    CHECK_OK(sink->write_file(1, "small", bytes("x"), metadata(0644)));
    CHECK_OK(commit(*sink));
    CHECK_EQ(listing(root.path()), std::string("new"));
    CHECK_EQ(listing(root / "new"), std::string("small"));
  });
}

TEST(no_inodes_left_is_told_of_folders_and_links_too) {
  Scratch root;
  on_tmpfs(root.path(), "nr_inodes=3", [&] {
    auto sink = open_sink(root.path());
    CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
    CHECK_OK(sink->write_file(1, "last", bytes("x"), metadata(0644)));
    check_error(sink->add_directory(2, 1, "d", metadata(0755)), ENOSPC, "new/d");
    check_error(sink->add_directory(3, 0, "d", metadata(0755)), ENOSPC, "d");
    check_error(sink->symlink(1, "s", "x", metadata(0777)), ENOSPC, "new/s");
    check_error(sink->hard_link(1, "h", 1, "last"), ENOSPC, "new/h");
    check_error(sink->create_file(1, "f", 1).status(), ENOSPC, "new/f");
  });
}

TEST(no_permission_is_told) {
  Scratch root;
  CHECK_EQ(chmod(root.path().c_str(), 0755), 0);
  CHECK_EQ(mkdir((root / "closed").c_str(), 0700), 0);
  CHECK_EQ(mkdir((root / "locked").c_str(), 0), 0);
  CHECK_EQ(chmod((root / "closed").c_str(), 0555), 0);
  in_child([&] {
    if (getuid() == 0) CHECK_EQ(setuid(65534), 0);
    auto sink = open_sink(root.path());
    CHECK_OK(sink->add_directory(1, 0, "closed", metadata(0555)));
    check_error(sink->add_directory(2, 0, "locked", metadata(0755)), EACCES, "locked");
    check_error(sink->write_file(1, "f", bytes("x"), metadata(0644)), EACCES, "closed/f");
    check_error(sink->create_file(1, "f", 1).status(), EACCES, "closed/f");
    check_error(sink->symlink(1, "f", "x", metadata(0777)), EACCES, "closed/f");
    check_error(sink->add_directory(3, 1, "d", metadata(0755)), EACCES, "closed/d");
    CHECK_EQ(fs::Sink::open(root / "closed/missing", {}, {}).status().error_number(), EACCES);
  });
}

TEST(giving_files_away_without_the_right_to_is_told) {
  Scratch root;
  CHECK_EQ(chmod(root.path().c_str(), 0777), 0);
  in_child([&] {
    if (getuid() == 0) CHECK_EQ(setuid(65534), 0);
    fs::SinkOptions options;
    options.ownership = true;
    auto sink = open_sink(root.path(), options);
    fs::Metadata theirs = metadata(0644);
    theirs.uid = 0;
    check_error(sink->write_file(0, "f", bytes("x"), theirs), EPERM, "f");
    check_error(sink->symlink(0, "l", "x", theirs), EPERM, "l");
    CHECK_OK(sink->add_directory(1, 0, "d", theirs));
    CHECK_OK(sink->write_file(1, "f", bytes("x"), metadata(0644)));
    std::vector<Status> refused;
    CHECK_OK(commit(*sink, &refused));
    CHECK_EQ(refused.size(), size_t{1});
    check_error(refused[0], EPERM, "d");
  });
  // What arrived is kept, closed to everybody else: it is not the owner's that it was meant for.
  CHECK_EQ(listing(root / "d"), std::string("f"));
  CHECK_EQ(mode_of(root / "d"), 0700u);
}

TEST(folders_of_somebody_else_are_named_and_the_rest_is_put_into_place) {
  Scratch root;
  for (const char* name : {"", "theirs", "theirs/inner"}) {
    std::string path = root / name;
    CHECK(*name == 0 || mkdir(path.c_str(), 0777) == 0);
    CHECK_EQ(chmod(path.c_str(), 01777), 0);
  }
  in_child([&] {
    CHECK_EQ(setuid(65534), 0);
    auto sink = open_sink(root.path());
    CHECK_OK(sink->add_directory(0, 0, "", metadata(0755)));
    CHECK_OK(sink->add_directory(1, 0, "theirs", metadata(0755)));
    CHECK_OK(sink->add_directory(2, 1, "inner", metadata(0755)));
    CHECK_OK(sink->add_directory(3, 1, "new", metadata(0711, 11)));
    CHECK_OK(sink->add_directory(4, 0, "new", metadata(0711, 11)));
    for (uint32_t id : {0, 1, 2, 3, 4}) CHECK_OK(sink->write_file(id, "f", bytes("x"), metadata(0644)));
    std::vector<Status> refused;
    CHECK_OK(commit(*sink, &refused));
    CHECK_EQ(refused.size(), size_t{3});
    check_error(refused[0], EPERM, "theirs/inner");
    check_error(refused[1], EPERM, "theirs");
    check_error(refused[2], EPERM, ".");
  });
  for (const char* name : {"new", "theirs/new"}) {
    CHECK_EQ(listing(root / name), std::string("f"));
    CHECK_EQ(mode_of(root / name), 0711u);
    CHECK_EQ(look(root / name).st_mtim.tv_sec, 11);
  }
  CHECK_EQ(listing(root / "theirs"), std::string("f inner new"));
}

TEST(a_folder_of_somebody_else_that_appeared_is_merged_with_and_named) {
  Scratch root;
  CHECK_EQ(chmod(root.path().c_str(), 0777), 0);
  CHECK_EQ(mkdir((root / "new").c_str(), 0777), 0);
  CHECK_EQ(chmod((root / "new").c_str(), 01777), 0);
  CHECK_EQ(rename((root / "new").c_str(), (root / "late").c_str()), 0);
  in_child([&] {
    CHECK_EQ(setuid(65534), 0);
    auto sink = open_sink(root.path());
    CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
    CHECK_OK(sink->write_file(1, "f", bytes("x"), metadata(0644)));
    CHECK_EQ(rename((root / "late").c_str(), (root / "new").c_str()), 0);
    std::vector<Status> refused;
    CHECK_OK(commit(*sink, &refused));
    CHECK_EQ(refused.size(), size_t{1});
    check_error(refused[0], EPERM, "new");
  });
  CHECK_EQ(listing(root.path()), std::string("new"));
  CHECK_EQ(listing(root / "new"), std::string("f"));
}

TEST(a_file_where_a_folder_must_go_and_the_reverse) {
  Scratch root;
  put(root / "file", "x");
  CHECK_EQ(mkdir((root / "folder").c_str(), 0755), 0);
  auto sink = open_sink(root.path());
  check_error(sink->add_directory(1, 0, "file", metadata(0755)), ENOTDIR, "file");
  check_error(sink->write_file(0, "folder", bytes("x"), metadata(0644)), EISDIR, "folder");
  check_error(sink->create_file(0, "folder", 1).status(), EISDIR, "folder");
  check_error(sink->symlink(0, "folder", "x", metadata(0777)), EISDIR, "folder");
  check_error(sink->hard_link(0, "folder", 0, "file"), EISDIR, "folder");
  check_error(sink->hard_link(0, "link", 0, "folder"), EPERM, "link");
  Result<std::unique_ptr<fs::FileSink>> late = sink->create_file(0, "late", 1);
  CHECK_OK(late);
  CHECK_EQ(mkdir((root / "late").c_str(), 0755), 0);
  check_error((*late)->finish(0, metadata(0644)), EISDIR, "late");
  late->reset();
  CHECK_EQ(listing(root.path()), std::string("file folder late"));
  CHECK_EQ(get(root / "file"), std::string("x"));
}

TEST(a_file_size_limit_is_told) {
  Scratch root;
  in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{4096, 4096};
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    auto sink = open_sink(root.path());
    check_error(sink->write_file(0, "f", bytes(std::string(8192, 'x')), metadata(0644)), EFBIG, "f");
    Result<std::unique_ptr<fs::FileSink>> file = sink->create_file(0, "g", 1);
    CHECK_OK(file);
    check_error((*file)->write_at(bytes("x"), 4096), EFBIG, "g");
    check_error((*file)->finish(4097, metadata(0644)), EFBIG, "g");
  });
  CHECK(names_in(root.path()).empty());
}

TEST(running_out_of_descriptors_is_told_and_passes) {
  Scratch root;
  in_child([&] {
    auto sink = open_sink(root.path());
    CHECK_OK(sink->add_directory(1, 0, "new", metadata(0755)));
    rlimit limit{};
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlimit none = limit;
    none.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    check_error(sink->write_file(1, "f", bytes("x"), metadata(0644)), EMFILE, "new/f");
    check_error(sink->add_directory(2, 1, "d", metadata(0755)), EMFILE, "new/d");
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_OK(sink->add_directory(2, 1, "d", metadata(0755)));
    CHECK_OK(sink->write_file(1, "f", bytes("x"), metadata(0644)));
    CHECK_OK(commit(*sink));
  });
  CHECK_EQ(listing(root / "new"), std::string("d f"));
}
