// What this machine's kernel can do, found out by trying on a connected loopback pair.
#pragma once

#include <string>
#include <vector>

#include "tls/cipher.h"

namespace ktls::tls {

struct ProbeDirection {
  bool available;
  std::string reason;  // empty when available; else what is missing and what to do about it
};

struct ProbeDirections {
  ProbeDirection tx;
  ProbeDirection rx;
};

struct ProbeCipher {
  CipherSuite suite;
  ProbeDirections tls13;
  // The suites of the same AEAD.
  ProbeDirections tls12;
};

struct ProbeReport {
  std::string kernel_release;
  bool ulp;                // TCP_ULP "tls" could be set
  std::string ulp_reason;  // why not
  bool rekey;              // a second TLS_TX / TLS_RX is accepted (Linux 6.14)
  bool openssl;            // EVP was found: our own record layer works
  std::string openssl_version;
  std::vector<ProbeCipher> ciphers;
};

// Tried at the first call, then kept for the life of the process. Thread-safe.
const ProbeReport& probe();

}  // namespace ktls::tls
