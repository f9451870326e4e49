// Files that are served: opened and read at once where the kernel has them in memory, else elsewhere
// than on the event loop. lib/native.ts documents what JavaScript sees.
#include <errno.h>
#include <sys/stat.h>

#include <optional>

#include "base/read_cached.h"
#include "fs/open_file.h"
#include "napi/addon.h"
#include "napi/error.h"
#include "napi/file_opener.h"

namespace ktls::napi {

namespace {

using fs::Lookup;

bool has_nul(const std::string& path) { return path.find('\0') != path.npos; }

struct Wanted {
  std::optional<std::string> root;
  std::string path;

  Result<Fd> open(Lookup lookup) const {
    // The kernel would take what precedes a NUL for all of it.
    if (has_nul(path) || (root && has_nul(*root))) return Status::system("open", ENOENT).with_path(path);
    return root ? fs::open_file_beneath(*root, path, lookup) : fs::open_file(path, lookup);
  }
};

Wanted to_wanted(const Napi::CallbackInfo& info) {
  Wanted wanted;
  wanted.path = info[0].As<Napi::String>().Utf8Value();
  if (info[1].IsString()) wanted.root = info[1].As<Napi::String>().Utf8Value();
  return wanted;
}

Napi::Value open_cached_file(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Result<Fd> file = to_wanted(info).open(Lookup::cached);
  if (!file.ok()) {
    if (!file.is(Code::would_block)) throw_error(env, file.status());
    return env.Undefined();
  }
  struct stat stats;
  if (fstat(file->get(), &stats) != 0) {
    throw_error(env, Status::system("fstat", errno));
    return env.Undefined();
  }
  auto facts = info[2].As<Napi::Float64Array>();
  facts[0] = static_cast<double>(stats.st_mode);
  facts[1] = static_cast<double>(stats.st_size);
  facts[2] =
      static_cast<double>(stats.st_mtim.tv_sec) * 1e3 + static_cast<double>(stats.st_mtim.tv_nsec) / 1e6;
  return env.GetInstanceData<AddonData>()->descriptors.lend(env, std::move(*file));
}

Napi::Value open_file(const Napi::CallbackInfo& info) {
  FileOpener* opener = FileOpener::of(info.Env());
  if (opener == nullptr) return info.Env().Undefined();
  return opener->open(info.Env(), [wanted = to_wanted(info)] { return wanted.open(Lookup::any); });
}

Napi::Value read_cached(const Napi::CallbackInfo& info) {
  auto into = info[2].As<Napi::Uint8Array>();
  const ssize_t got =
      ktls::read_cached(info[0].As<Napi::Number>().Int32Value(), {into.Data(), into.ByteLength()},
                        info[1].As<Napi::Number>().Int64Value());
  return Napi::Number::New(info.Env(), static_cast<double>(got));
}

}  // namespace

void export_file(Napi::Env env, Napi::Object exports) {
  exports.Set("openCachedFile", Napi::Function::New(env, open_cached_file, "openCachedFile"));
  exports.Set("openFile", Napi::Function::New(env, open_file, "openFile"));
  exports.Set("readCached", Napi::Function::New(env, read_cached, "readCached"));
}

}  // namespace ktls::napi
