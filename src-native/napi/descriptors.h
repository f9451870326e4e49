// Descriptors that JavaScript holds as numbers: the environment's until one is taken back, so that a worker
// which is terminated leaves none open.
#pragma once

#include <napi.h>

#include <vector>

#include "base/fd.h"

namespace ktls::napi {

class Descriptors {
 public:
  Descriptors() = default;
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;
  ~Descriptors();

  // -1 where there is none.
  Napi::Number lend(Napi::Env env, Fd fd);
  // Also one that the program opened itself, and gives away.
  Fd take(int fd);

 private:
  // By number, which the kernel keeps low.
  std::vector<bool> lent_;
};

// The one that a value is, taken from the value's environment.
Fd take_descriptor(const Napi::Value& value);

}  // namespace ktls::napi
