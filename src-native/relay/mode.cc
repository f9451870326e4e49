#include "relay/mode.h"

namespace ktls::relay {

const char* mode_name(Mode mode) {
  switch (mode) {
    case Mode::automatic:
      return "auto";
    case Mode::copy:
      return "copy";
    case Mode::splice:
      return "splice";
    case Mode::sockmap:
      return "sockmap";
  }
  return "unknown";
}

}  // namespace ktls::relay
