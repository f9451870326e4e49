#include "fs/directory_budget.h"

#include <stdint.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>

namespace ktls::fs {

namespace {

// Of all budgets.
std::atomic<size_t> budgets{0};
std::atomic<size_t> directories_open{0};

size_t quarter_of_limit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 4 : SIZE_MAX;
}

}  // namespace

DirectoryBudget::DirectoryBudget(size_t most) : most_(most), of_process_(quarter_of_limit()) { budgets++; }

DirectoryBudget::~DirectoryBudget() {
  directories_open -= open_;
  budgets--;
}

bool DirectoryBudget::spent() const {
  if (open_ == 0) return false;
  // A transfer gives back what is more than its part when it opens the next one: until then less is left.
  return open_ >= std::min(most_, of_process_ / budgets) || directories_open >= of_process_;
}

void DirectoryBudget::opened() {
  open_++;
  directories_open++;
}

void DirectoryBudget::closed() {
  open_--;
  directories_open--;
}

}  // namespace ktls::fs
