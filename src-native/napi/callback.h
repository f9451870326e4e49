// JavaScript called from the event loop, where no JavaScript stands above it.
#pragma once

#include <napi.h>

#include <vector>

namespace ktls::napi {

// Runs the callback, then the ticks and microtasks that it left. What they throw is an uncaught exception
// of the program, as with Node's own handles: a listener may throw, and an 'error' event may have none.
inline void call_back(const Napi::Object& self, const Napi::FunctionReference& callback,
                      const std::vector<napi_value>& arguments, Napi::AsyncContext& context) {
  Napi::Env env = self.Env();
  Napi::MaybeOrValue<Napi::Value> result = callback.MakeCallback(self, arguments, context);
  // Without an exception, JavaScript is being stopped, and nobody is left to be told.
  if (result.IsJust() || !env.IsExceptionPending()) return;
  napi_fatal_exception(env, env.GetAndClearPendingException().Value());
}

}  // namespace ktls::napi
