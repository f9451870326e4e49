// How many directories the transfers of this process may keep open.
#pragma once

#include <cstddef>

namespace ktls::fs {

// The part of one transfer. A quarter of RLIMIT_NOFILE is shared by all that run, equally; each may keep one
// open in any case. Belongs to one thread at a time.
class DirectoryBudget {
 public:
  // At most `most`.
  explicit DirectoryBudget(size_t most);
  DirectoryBudget(const DirectoryBudget&) = delete;
  DirectoryBudget& operator=(const DirectoryBudget&) = delete;
  ~DirectoryBudget();

  // Whether one must be closed before another is opened.
  bool spent() const;
  void opened();
  void closed();

 private:
  const size_t most_;
  const size_t of_process_;
  size_t open_ = 0;
};

}  // namespace ktls::fs
