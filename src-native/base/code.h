// The permanent codes of what can go wrong in the core. lib/errors.ts holds the same table for
// users; a test compares the two.
#pragma once

#include <cstdint>
#include <string_view>

namespace ktls {

enum class Code : uint8_t {
  ok,
  // Not errors: states that a caller handles on its way.
  would_block,
  end_of_stream,
  // Errors.
  cancelled,
  system,  // a system call failed; Status::error_number() says how
  unsupported,
  invalid_option,
  kernel_required,
  truncated,
  idle_timeout,
  handshake_timeout,
  bad_record_mac,
  bad_record,
  alert,
  key_update_unsupported,
  protocol,
  protocol_version,
  limit,
  integrity,
  count_mismatch,
  unsafe_path,
  refused,
  peer,
  file_changed,
  file_type,
  exists,
  sockmap_unavailable,
  relay_backlog,
  timeout,
};

inline constexpr Code kLastCode = Code::timeout;

// The permanent name of a code, such as "ERR_KTLS_TRUNCATED".
const char* code_name(Code code);
// The error that has this name; ok when none has.
Code code_by_name(std::string_view name);

}  // namespace ktls
