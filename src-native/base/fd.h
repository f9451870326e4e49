// A file descriptor with one owner.
#pragma once

#include <unistd.h>

#include <utility>

namespace ktls {

class Fd {
 public:
  Fd() = default;
  // Takes ownership of `fd`; -1 means none.
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = other.release();
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // Ownership moves to the caller.
  int release() { return std::exchange(fd_, -1); }
  void reset() {
    // Linux closes the descriptor even when close() fails: trying again would close a stranger's.
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

}  // namespace ktls
