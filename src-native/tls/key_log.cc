#include "tls/key_log.h"

#include <string.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace ktls::tls {

namespace {

// Empty where it is not hexadecimal.
std::vector<uint8_t> from_hex(std::string_view text) {
  std::vector<uint8_t> bytes(text.size() / 2);
  if (text.size() % 2 != 0) return {};
  for (size_t i = 0; i < bytes.size(); i++) {
    const char* digits = text.data() + 2 * i;
    if (std::from_chars(digits, digits + 2, bytes[i], 16).ptr != digits + 2) return {};
  }
  return bytes;
}

}  // namespace

KeyLog::~KeyLog() {
  for (Entry& entry : entries_) erase(entry.secret);
}

void KeyLog::add(std::string_view line) {
  size_t random = line.find(' ');
  size_t secret = random == line.npos ? line.npos : line.find(' ', random + 1);
  if (secret == line.npos) return;
  std::vector<uint8_t> bytes = from_hex(line.substr(secret + 1));
  if (bytes.empty()) return;
  std::string_view label = line.substr(0, random);
  auto known = std::ranges::find(entries_, label, &Entry::label);
  if (known == entries_.end()) {
    entries_.push_back({std::string(label), std::move(bytes)});
  } else {
    erase(known->secret);
    known->secret = std::move(bytes);
  }
}

Bytes KeyLog::secret(std::string_view label) const {
  auto known = std::ranges::find(entries_, label, &Entry::label);
  return known == entries_.end() ? Bytes() : Bytes(known->secret);
}

void KeyLog::erase(std::vector<uint8_t>& secret) { explicit_bzero(secret.data(), secret.size()); }

}  // namespace ktls::tls
