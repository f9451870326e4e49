// The secrets of one connection, out of the lines in which OpenSSL logs them (RFC 9850).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace ktls::tls {

// Not thread-safe. What it holds is erased with it.
class KeyLog {
 public:
  KeyLog() = default;
  ~KeyLog();
  KeyLog(const KeyLog&) = delete;
  KeyLog& operator=(const KeyLog&) = delete;

  // "LABEL CLIENT_RANDOM SECRET", the latter two in hexadecimal. Of two lines with one label the last one
  // counts; one that is not such a line counts for nothing.
  void add(std::string_view line);

  // Empty where it was not logged. Valid until the next add().
  Bytes secret(std::string_view label) const;

 private:
  struct Entry {
    std::string label;
    std::vector<uint8_t> secret;
  };

  static void erase(std::vector<uint8_t>& secret);

  std::vector<Entry> entries_;
};

}  // namespace ktls::tls
