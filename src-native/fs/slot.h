// A new entry of a directory on its way to its final name.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/status.h"
#include "fs/directory_table.h"
#include "fs/temporary_name.h"

namespace ktls::fs {

// In a staged directory the entry has its final name from the start; in one that was there before it
// has a temporary name until finish(). Destroyed without finish(), what was made of it is removed.
// No Status carries a path.
class Slot {
 public:
  // Borrows nothing but `name`, which must live as long.
  Slot(DirectoryTable::Handle directory, const std::string& name, TemporaryNames& names);
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot();

  // Early news: EISDIR when a directory has the final name, exists when anything has and may not be
  // replaced. finish() finds out for certain.
  Status check_target(bool overwrite) const;

  // One of these, once. EEXIST in a staged directory where the name is taken.
  Result<Fd> make_file(uint32_t mode);
  Status make_symlink(const std::string& target);
  Status make_hard_link(int target_directory, const std::string& target_name);

  // Under which name it is made.
  const char* name() const { return directory->staged ? final_name_ : temporary_.text; }

  Status finish(bool overwrite);

  const DirectoryTable::Handle directory;

 private:
  const char* final_name_;
  TemporaryNames::Name temporary_;
  bool made_ = false;  // and to be removed
  bool is_hard_link_ = false;
};

}  // namespace ktls::fs
