// What the tests of the file layer share: looking at what is in a directory.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "fs/sink.h"
#include "tests/check.h"
#include "tests/own_process.h"
#include "tests/scratch.h"

namespace ktls::test {

inline Bytes bytes(const std::string& text) {
  return Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

inline void put(const std::string& path, const std::string& content) {
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  CHECK(fd);
  CHECK_EQ(write(fd.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
}

inline std::string get(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(fd);
  std::string content;
  char buffer[65536];
  for (ssize_t got; (got = read(fd.get(), buffer, sizeof buffer)) > 0;) {
    content.append(buffer, static_cast<size_t>(got));
  }
  return content;
}

inline struct stat look(const std::string& path) {
  struct stat attributes;
  if (lstat(path.c_str(), &attributes) != 0) fail(__FILE__, __LINE__, path + " is not there");
  return attributes;
}

inline bool present(const std::string& path) {
  struct stat attributes;
  return lstat(path.c_str(), &attributes) == 0;
}

inline uint32_t mode_of(const std::string& path) { return look(path).st_mode & 07777; }

inline std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

inline std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

inline std::string listing(const std::string& path) { return joined(names_in(path)); }

inline fs::Metadata metadata(uint32_t mode, int64_t seconds = 1'000'000'000,
                             uint32_t nanoseconds = 123'456'789) {
  return {mode, getuid(), getgid(), seconds, nanoseconds};
}

inline std::shared_ptr<fs::Sink> open_sink(const std::string& root, const fs::SinkOptions& options = {},
                                           const std::vector<std::string>& below = {}) {
  Result<std::shared_ptr<fs::Sink>> sink = fs::Sink::open(root, below, options);
  CHECK_OK(sink);
  return std::move(*sink);
}

// Where no list is given, every directory's attributes must be set.
inline Status commit(fs::Sink& sink, std::vector<Status>* refused = nullptr) {
  Result<std::shared_ptr<Cancel>> cancel = Cancel::create();
  CHECK_OK(cancel);
  return sink.commit(**cancel, [&](Status reason) {
    if (refused == nullptr) CHECK_OK(reason);
    refused->push_back(std::move(reason));
  });
}

// What `body` changes of its process (user, limits, mounts) stays in a child. Fails as `body` does.
inline void in_child(const std::function<void()>& body) {
  std::fflush(stdout);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    int status = 0;
    try {
      body();
    } catch (const Failure&) {
      status = 1;
    }
    std::fflush(stdout);
    _exit(status);
  }
  int status = -1;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

// The same with a tmpfs of its own mounted at `path`, which needs root or user namespaces.
inline void on_tmpfs(const std::string& path, const std::string& options, const std::function<void()>& body) {
  in_child([&] {
    CHECK_EQ(unshare(getuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER), 0);
    CHECK_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    CHECK_EQ(mount("none", path.c_str(), "tmpfs", 0, options.c_str()), 0);
    body();
  });
}

}  // namespace ktls::test
