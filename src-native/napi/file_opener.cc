#include "napi/file_opener.h"

#include "napi/addon.h"
#include "napi/error.h"

namespace ktls::napi {

namespace {

// As many as libuv has for all of fs.
constexpr size_t kThreads = 4;

}  // namespace

FileOpener::FileOpener()
    : pool_(std::make_unique<WorkerPool>("ktls-open", kThreads)),
      opened_([this](Napi::Env env, Opened& opened) { on_opened(env, opened); }, [this] { pool_.reset(); }) {}

FileOpener* FileOpener::of(Napi::Env env) {
  auto* data = env.GetInstanceData<AddonData>();
  if (data->opener) return data->opener.get();
  std::shared_ptr<FileOpener> opener(new FileOpener);
  if (!opener->opened_.open(env, "ktls-open")) {
    throw_error(env, Status::fail(Code::unsupported, "the environment is going: no file can be opened"));
    return nullptr;
  }
  data->opener = opener;
  return opener.get();
}

Napi::Value FileOpener::open(Napi::Env env, Open open) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  const uint64_t id = next_id_++;
  Status posted = pool_->post([this, id, open = std::move(open)] { opened_.post({id, open()}); });
  if (posted.ok()) {
    opened_.expect(env);
    waiting_.emplace(id, deferred);
  } else {
    deferred.Reject(to_error(env, posted));
  }
  return deferred.Promise();
}

void FileOpener::on_opened(Napi::Env env, Opened& opened) {
  const auto node = waiting_.extract(opened.id);
  const Napi::Promise::Deferred& deferred = node.mapped();
  if (opened.file.ok()) {
    auto& descriptors = env.GetInstanceData<AddonData>()->descriptors;
    deferred.Resolve(descriptors.lend(env, std::move(*opened.file)));
  } else {
    deferred.Reject(to_error(env, opened.file.status()));
  }
}

}  // namespace ktls::napi
