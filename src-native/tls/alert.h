// Alerts (RFC 8446, 6).
#pragma once

#include <cstdint>

namespace ktls::tls {

enum class AlertLevel : uint8_t { warning = 1, fatal = 2 };

// Those that this side sends, or treats in a way of their own; alert_name() knows all.
enum class AlertDescription : uint8_t {
  close_notify = 0,
  unexpected_message = 10,
  bad_record_mac = 20,
  record_overflow = 22,
  illegal_parameter = 47,
  decode_error = 50,
  internal_error = 80,
  user_canceled = 90,
  no_renegotiation = 100,
};

// As the RFC spells it; "unknown" for a number that it does not assign.
const char* alert_name(uint8_t description);

}  // namespace ktls::tls
