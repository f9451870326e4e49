// What handshakes are made of, found in a SecureContext of node:tls.
#pragma once

#include <napi.h>

#include <memory>

#include "tls/ssl_context.h"

namespace ktls::napi {

// lib/handshake/native.ts documents what JavaScript sees.
class TlsContext : public Napi::ObjectWrap<TlsContext> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit TlsContext(const Napi::CallbackInfo& info);

  // Null where `value` is none of these.
  static TlsContext* from(const Napi::Value& value);

  const tls::SslContext& context() const { return *context_; }

 private:
  std::unique_ptr<tls::SslContext> context_;
};

}  // namespace ktls::napi
