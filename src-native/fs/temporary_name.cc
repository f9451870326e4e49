#include "fs/temporary_name.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/random.h>

#include <cstdio>

namespace ktls::fs {

Result<uint64_t> TemporaryNames::random_key() {
  uint64_t key;
  // So few bytes never come in parts (getrandom(2)).
  if (getrandom(&key, sizeof key, 0) != sizeof key) return Status::system("getrandom", errno);
  return key;
}

TemporaryNames::Name TemporaryNames::name(uint64_t number) const {
  Name name;
  snprintf(name.text, sizeof name.text, "%s%016" PRIx64 "-%" PRIu64, kTemporaryPrefix.data(), key_, number);
  return name;
}

}  // namespace ktls::fs
