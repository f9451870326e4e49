// Names under which the receiver does not have what the sender sent: it could not be written, or gave way
// to what was there.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>

#include "base/status.h"

namespace ktls::engine {

// A hard link to such a name would be one to something else.
class LostNames {
 public:
  void add(uint32_t directory, std::string_view name, const Status& reason);
  // Why a hard link to the name cannot be made, with the code of what went wrong there; ok where it can.
  Status check(uint32_t directory, std::string_view name) const;

 private:
  struct Reason {
    Code code;
    int error_number;
  };

  // A peer can make many names fail at no cost of its own. With more than these, every name counts as lost.
  static constexpr size_t kMaxKept = size_t{1} << 18;

  mutable std::mutex mutex_;  // guards everything below
  // By a hash: two names that share one are both lost, and reported.
  std::map<uint64_t, Reason> reasons_;
};

}  // namespace ktls::engine
