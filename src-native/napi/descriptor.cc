// Descriptors that move between Node's sockets and the core.
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "napi/addon.h"
#include "napi/error.h"

namespace ktls::napi {

namespace {

Napi::Value duplicate_descriptor(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) {
    throw_error(env, Status::system("fcntl", errno));
    return env.Undefined();
  }
  return Napi::Number::New(env, fd);
}

void close_descriptor(const Napi::CallbackInfo& info) { Fd(info[0].As<Napi::Number>().Int32Value()); }

}  // namespace

void export_descriptor(Napi::Env env, Napi::Object exports) {
  exports.Set("duplicateDescriptor", Napi::Function::New(env, duplicate_descriptor, "duplicateDescriptor"));
  exports.Set("closeDescriptor", Napi::Function::New(env, close_descriptor, "closeDescriptor"));
}

}  // namespace ktls::napi
