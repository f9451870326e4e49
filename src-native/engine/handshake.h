// HELLO and HELLO_OK: how the two ends of a connection agree on what it is for. (The TLS handshake
// is over by then.)
#pragma once

#include "engine/link.h"
#include "wire/hello.h"

namespace ktls::engine {

// From whoever opened the connection. The peer's ERROR comes back as its Status.
Result<wire::HelloOk> offer(Link& link, wire::Hello hello, const Patience& patience);

// From whoever accepted it.
Result<wire::Hello> await_offer(Link& link, const Patience& patience);
Status accept(Link& link, wire::HelloOk answer, const Patience& patience);

// Says why the session ends, then close_notify. For either end, at any frame boundary; best effort.
void say_error(Link& link, const Status& status, const Patience& patience);

}  // namespace ktls::engine
