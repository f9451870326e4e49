#include "napi/send_service.h"

#include <uv.h>

#include <algorithm>

#include "napi/addon.h"
#include "napi/error.h"

namespace ktls::napi {

namespace {

// One thread seals 2 GB/s: a few serve more than a network card takes.
constexpr unsigned kMostThreads = 4;

unsigned thread_count() { return std::min(uv_available_parallelism(), kMostThreads); }

// Where short jobs come from, the event loop is busy, too: as many threads as cores would wake and displace
// one another.
unsigned thread_count_for_short() { return std::clamp(uv_available_parallelism() - 1, 1U, kMostThreads); }

// From here on a job is worth a core of its own: of 1 MiB, too, behind what the event loop sent of it.
constexpr size_t kLongJob = 512 * 1024;

// From here on, making a thread costs nothing beside what it reads.
constexpr size_t kReadAheadFrom = 4 * 1024 * 1024;

}  // namespace

SendService::SendService()
    : ended_([this](Napi::Env env, const Ended& ended) { on_ended(env, ended); },
             [this] { loops_.clear(); }) {}

SendService* SendService::of(Napi::Env env) {
  auto* data = env.GetInstanceData<AddonData>();
  if (data->sends) return data->sends.get();
  std::shared_ptr<SendService> service(new SendService);
  for (unsigned left = thread_count(); left > 0; --left) {
    auto loop = tls::SendLoop::create();
    if (!loop.ok()) {
      throw_error(env, loop.status());
      return nullptr;
    }
    service->loops_.push_back(std::move(*loop));
  }
  if (!service->ended_.open(env, "ktls-send")) {
    throw_error(env, Status::fail(Code::unsupported, "the environment is going: nothing can be sent"));
    return nullptr;
  }
  data->sends = service;
  return service.get();
}

bool SendService::idle() const {
  return std::ranges::all_of(loops_, [](const auto& loop) { return loop->load() == 0; });
}

uint64_t SendService::start(Napi::Env env, tls::SendJob job, OnEnd on_end) {
  ended_.expect(env);
  const uint64_t id = next_id_++;
  const auto end = job.length() >= kLongJob ? loops_.end() : loops_.begin() + thread_count_for_short();
  auto least = std::min_element(loops_.begin(), end,
                                [](const auto& a, const auto& b) { return a->load() < b->load(); });
  jobs_.emplace(id, Job{least->get(), std::move(on_end)});
  if (pays_to_read_ahead(job)) job.read_ahead();
  (*least)->add(id, std::move(job), [this, id](const Status& status) { ended_.post({id, status}); });
  return id;
}

// It takes the reading off the thread that seals and sends, which bounds the rate where another core is idle,
// as with a peer on another machine; where all are busy it only costs. Which it will be nobody can know here:
// two cores for each job is the guess, and it bounds threads and memory, too, when peers are slow.
bool SendService::pays_to_read_ahead(const tls::SendJob& job) const {
  return job.left_of_file() >= kReadAheadFrom && 2 * jobs_.size() <= uv_available_parallelism();
}

void SendService::cancel(uint64_t id) {
  auto found = jobs_.find(id);
  // Without loops the environment is going, and every job has been cancelled.
  if (found != jobs_.end() && !loops_.empty()) found->second.loop->cancel(id);
}

void SendService::on_ended(Napi::Env env, const Ended& ended) {
  auto node = jobs_.extract(ended.id);
  node.mapped().on_end(env, ended.status);
}

}  // namespace ktls::napi
