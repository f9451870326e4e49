#include "napi/descriptors.h"

#include <errno.h>
#include <fcntl.h>

#include "napi/addon.h"
#include "napi/error.h"
#include "napi/socket_options.h"

namespace ktls::napi {

Descriptors::~Descriptors() {
  for (size_t fd = 0; fd < lent_.size(); ++fd) {
    if (lent_[fd]) Fd(static_cast<int>(fd));
  }
}

Napi::Number Descriptors::lend(Napi::Env env, Fd fd) {
  const int number = fd.release();
  if (number >= 0) {
    if (static_cast<size_t>(number) >= lent_.size()) lent_.resize(static_cast<size_t>(number) + 1);
    lent_[static_cast<size_t>(number)] = true;
  }
  return Napi::Number::New(env, number);
}

Fd Descriptors::take(int fd) {
  if (fd >= 0 && static_cast<size_t>(fd) < lent_.size()) lent_[static_cast<size_t>(fd)] = false;
  return Fd(fd);
}

Fd take_descriptor(const Napi::Value& value) {
  auto* data = value.Env().GetInstanceData<AddonData>();
  return data->descriptors.take(value.As<Napi::Number>().Int32Value());
}

namespace {

Napi::Value duplicate_descriptor(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Fd fd(fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 0));
  if (!fd) {
    throw_error(env, Status::system("fcntl", errno));
    return env.Undefined();
  }
  return env.GetInstanceData<AddonData>()->descriptors.lend(env, std::move(fd));
}

void close_descriptor(const Napi::CallbackInfo& info) { take_descriptor(info[0]); }

void reset_descriptor(const Napi::CallbackInfo& info) {
  const Fd fd = take_descriptor(info[0]);
  // Where it is none of TCP, it is closed.
  (void)reset_on_close(fd.get());
}

}  // namespace

void export_descriptors(Napi::Env env, Napi::Object exports) {
  exports.Set("duplicateDescriptor", Napi::Function::New(env, duplicate_descriptor, "duplicateDescriptor"));
  exports.Set("closeDescriptor", Napi::Function::New(env, close_descriptor, "closeDescriptor"));
  exports.Set("resetDescriptor", Napi::Function::New(env, reset_descriptor, "resetDescriptor"));
}

}  // namespace ktls::napi
