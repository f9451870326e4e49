#include "relay/engine.h"

#include <algorithm>

namespace ktls::relay {

Result<std::unique_ptr<Engine>> Engine::create(unsigned threads) {
  std::unique_ptr<Engine> engine(new Engine);
  for (unsigned i = 0; i < threads; i++) {
    auto loop = Loop::create();
    if (!loop.ok()) return std::move(loop).status();
    engine->loops_.push_back(std::move(*loop));
  }
  return engine;
}

uint64_t Engine::start(RelayEnd a, RelayEnd b, const Options& options, std::shared_ptr<Gauges> gauges,
                       Relay::OnEnd on_end) {
  Sockmap* sockmap = nullptr;
  Status refusal;
  if (options.mode == Mode::sockmap) {
    refusal = try_sockmap();
    if (refusal.ok()) sockmap = sockmap_.get();
  }
  const auto freest = std::min_element(loops_.begin(), loops_.end(),
                                       [](auto& left, auto& right) { return left->load() < right->load(); });
  const size_t index = freest - loops_.begin();
  const uint64_t id = next_id_.fetch_add(1) * loops_.size() + index;
  auto relay =
      std::make_unique<Relay>(std::move(a), std::move(b), options, std::move(gauges), std::move(on_end));
  loops_[index]->add(id, std::move(relay), sockmap, std::move(refusal));
  return id;
}

void Engine::abort(uint64_t id) { loops_[id % loops_.size()]->abort(id); }

Status Engine::try_sockmap() {
  std::lock_guard lock(mutex_);
  if (!sockmap_ && refusal_.ok()) {
    auto created = Sockmap::create();
    if (created.ok()) {
      sockmap_ = std::move(*created);
    } else {
      refusal_ = std::move(created).status();
    }
  }
  return refusal_;
}

size_t Engine::sockmap_entries() {
  std::lock_guard lock(mutex_);
  return sockmap_ ? sockmap_->entries() : 0;
}

}  // namespace ktls::relay
