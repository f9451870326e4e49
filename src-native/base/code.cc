#include "base/code.h"

namespace ktls {

const char* code_name(Code code) {
  switch (code) {
    case Code::ok:
      return "OK";
    case Code::would_block:
      return "WOULD_BLOCK";
    case Code::end_of_stream:
      return "END_OF_STREAM";
    case Code::cancelled:
      return "ABORT_ERR";
    case Code::system:
      return "ERR_KTLS_SYSTEM";
    case Code::unsupported:
      return "ERR_KTLS_UNSUPPORTED";
    case Code::invalid_option:
      return "ERR_KTLS_INVALID_OPTION";
    case Code::kernel_required:
      return "ERR_KTLS_KERNEL_REQUIRED";
    case Code::truncated:
      return "ERR_KTLS_TRUNCATED";
    case Code::idle_timeout:
      return "ERR_KTLS_IDLE_TIMEOUT";
    case Code::handshake_timeout:
      return "ERR_KTLS_HANDSHAKE_TIMEOUT";
    case Code::bad_record_mac:
      return "ERR_KTLS_BAD_RECORD_MAC";
    case Code::bad_record:
      return "ERR_KTLS_BAD_RECORD";
    case Code::alert:
      return "ERR_KTLS_ALERT";
    case Code::key_update_unsupported:
      return "ERR_KTLS_KEY_UPDATE_UNSUPPORTED";
    case Code::protocol:
      return "ERR_KTLS_PROTOCOL";
    case Code::protocol_version:
      return "ERR_KTLS_PROTOCOL_VERSION";
    case Code::limit:
      return "ERR_KTLS_LIMIT";
    case Code::integrity:
      return "ERR_KTLS_INTEGRITY";
    case Code::count_mismatch:
      return "ERR_KTLS_COUNT_MISMATCH";
    case Code::unsafe_path:
      return "ERR_KTLS_UNSAFE_PATH";
    case Code::refused:
      return "ERR_KTLS_REFUSED";
    case Code::peer:
      return "ERR_KTLS_PEER";
    case Code::file_changed:
      return "ERR_KTLS_FILE_CHANGED";
    case Code::file_type:
      return "ERR_KTLS_FILE_TYPE";
    case Code::exists:
      return "ERR_KTLS_EXISTS";
    case Code::sockmap_unavailable:
      return "ERR_KTLS_SOCKMAP_UNAVAILABLE";
    case Code::relay_backlog:
      return "ERR_KTLS_RELAY_BACKLOG";
    case Code::timeout:
      return "ERR_KTLS_TIMEOUT";
  }
  return "ERR_KTLS_UNKNOWN";
}

Code code_by_name(std::string_view name) {
  for (auto number = static_cast<uint8_t>(Code::cancelled); number <= static_cast<uint8_t>(kLastCode);
       number++) {
    if (name == code_name(static_cast<Code>(number))) return static_cast<Code>(number);
  }
  return Code::ok;
}

}  // namespace ktls
