#include "engine/lost_names.h"

#include <functional>

namespace ktls::engine {

namespace {

uint64_t hash(uint32_t directory, std::string_view name) {
  return std::hash<std::string_view>()(name) ^ (directory + uint64_t{1}) * 0x9e3779b97f4a7c15u;
}

}  // namespace

void LostNames::add(uint32_t directory, std::string_view name, const Status& reason) {
  std::lock_guard lock(mutex_);
  if (reasons_.size() > kMaxKept) return;
  reasons_.try_emplace(hash(directory, name), Reason{reason.code(), reason.error_number()});
}

Status LostNames::check(uint32_t directory, std::string_view name) const {
  std::lock_guard lock(mutex_);
  if (reasons_.empty()) return Status();
  auto found = reasons_.find(hash(directory, name));
  bool all = reasons_.size() > kMaxKept;
  if (found == reasons_.end() && !all) return Status();
  const Reason& reason = all ? reasons_.begin()->second : found->second;
  return Status::reported(reason.code, reason.error_number, {},
                          all ? "too many files were not written to tell whether the one that it is another "
                                "name of was"
                              : "the file that it is another name of was not written");
}

}  // namespace ktls::engine
