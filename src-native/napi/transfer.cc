#include "napi/transfer.h"

#include "napi/addon.h"
#include "napi/connection.h"
#include "napi/error.h"
#include "napi/task.h"
#include "napi/values.h"

namespace ktls::napi {

namespace {

// --- Options ---------------------------------------------------------------------------------------

engine::Mode mode_by_name(const std::string& name) {
  if (name == "read-send") return engine::Mode::read_send;
  if (name == "sendfile") return engine::Mode::send_file;
  if (name == "splice") return engine::Mode::splice;
  return engine::Mode::automatic;
}

const char* mode_name(engine::Mode mode) {
  switch (mode) {
    case engine::Mode::send_file:
      return "sendfile";
    case engine::Mode::splice:
      return "splice";
    default:
      return "read-send";
  }
}

engine::SenderOptions read_options(const Napi::Object& object, const engine::Sender*) {
  engine::SenderOptions options;
  options.root = bytes_property(object, "root");
  options.below = bytes_list_property(object, "below");
  options.mode = mode_by_name(string_property(object, "mode"));
  options.verify = bool_property(object, "verify", true);
  options.continue_on_error = bool_property(object, "continueOnError");
  options.initiator = bool_property(object, "initiator", true);
  if (auto threshold = number_property(object, "blockThreshold")) {
    options.block_threshold = static_cast<uint64_t>(*threshold);
  }
  return options;
}

engine::ReceiverOptions read_options(const Napi::Object& object, const engine::Receiver*) {
  engine::ReceiverOptions options;
  options.root = bytes_property(object, "root");
  options.below = bytes_list_property(object, "below");
  options.verify = bool_property(object, "verify", true);
  options.continue_on_error = bool_property(object, "continueOnError");
  options.sink.overwrite = bool_property(object, "overwrite", true);
  options.sink.ownership = bool_property(object, "ownership");
  std::string fsync = string_property(object, "fsync");
  options.sink.sync = fsync == "file" ? fs::Sync::file : fsync == "end" ? fs::Sync::end : fs::Sync::none;
  return options;
}

// --- Results ---------------------------------------------------------------------------------------

// What is under final names at the receiver.
wire::Counts final_counts(engine::Sender& sender) { return sender.receiver_counts(); }
wire::Counts final_counts(engine::Receiver& receiver) { return receiver.counts(); }

void set_mode(Napi::Object& result, const engine::Sender& sender) {
  result.Set("mode", mode_name(sender.mode_used()));
}
void set_mode(Napi::Object&, const engine::Receiver&) {}

Napi::Value skipped_list(Napi::Env env, const std::vector<wire::Report>& reports) {
  Napi::Array list = Napi::Array::New(env, reports.size());
  for (size_t i = 0; i < reports.size(); i++) {
    Napi::Object item = Napi::Object::New(env);
    item.Set("path", to_buffer(env, reports[i].path));
    item.Set("code", reports[i].code);
    item.Set("errno", static_cast<double>(reports[i].error_number));
    item.Set("reason", reports[i].message);
    list.Set(static_cast<uint32_t>(i), item);
  }
  return list;
}

template <typename Engine>
Napi::Value make_result(Napi::Env env, Engine& engine) {
  wire::Counts counts = final_counts(engine);
  Napi::Object result = Napi::Object::New(env);
  result.Set("files", static_cast<double>(counts.files));
  result.Set("directories", static_cast<double>(counts.directories));
  result.Set("symlinks", static_cast<double>(counts.symlinks));
  result.Set("hardLinks", static_cast<double>(counts.hard_links));
  result.Set("bytes", static_cast<double>(counts.bytes));
  result.Set("connections", static_cast<double>(engine.connections_used()));
  set_mode(result, engine);
  result.Set("verified", engine.verifies());
  result.Set("skippedTotal", static_cast<double>(engine.session().skipped_total()));
  result.Set("skipped", skipped_list(env, engine.session().take_skipped()));
  return result;
}

template <typename Engine>
const char* class_name();
template <>
const char* class_name<engine::Sender>() {
  return "Sender";
}
template <>
const char* class_name<engine::Receiver>() {
  return "Receiver";
}

}  // namespace

template <typename Engine>
Napi::Function TransferHandle<Engine>::define(Napi::Env env) {
  using Handle = TransferHandle<Engine>;
  using Wrap = Napi::ObjectWrap<Handle>;
  return Wrap::DefineClass(
      env, class_name<Engine>(),
      {
          Wrap::template InstanceMethod<&Handle::run>("run"),
          Wrap::template InstanceMethod<&Handle::expect_connection>("expectConnection"),
          Wrap::template InstanceMethod<&Handle::add_connection>("addConnection"),
          Wrap::template InstanceMethod<&Handle::call_off_connection>("callOffConnection"),
          Wrap::template InstanceMethod<&Handle::connections_open>("connectionsOpen"),
          Wrap::template InstanceMethod<&Handle::progress>("progress"),
          Wrap::template InstanceMethod<&Handle::cancel>("cancel"),
      });
}

template <typename Engine>
TransferHandle<Engine>::TransferHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<TransferHandle<Engine>>(info), state_(std::make_shared<State>()) {
  auto options = info[0].As<Napi::Object>();
  Result<std::shared_ptr<Cancel>> cancel = Cancel::create();
  if (!cancel.ok()) {
    throw_error(info.Env(), cancel.status());
    return;
  }
  state_->cancel = *cancel;
  std::chrono::milliseconds idle(
      static_cast<int64_t>(number_property(options, "idleTimeoutMs").value_or(30'000)));
  // The engine belongs to the state: a raw pointer is no cycle, and lives as long.
  auto notify = [state = state_.get()] {
    std::lock_guard lock(state->mutex);
    if (state->connection_needed) state->connection_needed();
  };
  Result<std::unique_ptr<Engine>> engine = Engine::create(
      read_options(options, static_cast<const Engine*>(nullptr)), state_->cancel, idle, std::move(notify));
  if (!engine.ok()) {
    throw_error(info.Env(), engine.status());
    return;
  }
  state_->engine = std::move(*engine);
}

template <typename Engine>
Napi::Value TransferHandle<Engine>::run(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  // std::function copies what it holds, so the link travels in a shared holder.
  auto first = std::make_shared<std::unique_ptr<engine::Link>>(ConnectionHandle::take(info[0]));
  if (!*first || !state_->engine) {
    throw_error(env, Status::fail(Code::invalid_option, "the connection is closed, taken, or busy"));
    return env.Undefined();
  }
  state_->running = true;
  auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[1].As<Napi::Function>()));
  return Task::run(
      env, "ktls-transfer", state_->cancel,
      [state = state_, first, callback](const Task::Post& post) {
        {
          std::lock_guard lock(state->mutex);
          state->connection_needed = [&post, callback] {
            post([callback](Napi::Env env) { (void)callback->Call(env.Undefined(), {}); });
          };
        }
        Status status = state->engine->run(std::move(*first));
        std::lock_guard lock(state->mutex);
        state->connection_needed = nullptr;
        return status;
      },
      [state = state_](Napi::Env env) { return make_result(env, *state->engine); },
      // The callback's last reference goes on the event loop's thread, as it must.
      [state = state_, callback] { release(*state); });
}

template <typename Engine>
void TransferHandle<Engine>::expect_connection(const Napi::CallbackInfo&) {
  if (state_->engine) state_->engine->expect();
}

template <typename Engine>
void TransferHandle<Engine>::call_off_connection(const Napi::CallbackInfo&) {
  if (state_->engine) state_->engine->call_off();
}

template <typename Engine>
void TransferHandle<Engine>::add_connection(const Napi::CallbackInfo& info) {
  std::unique_ptr<engine::Link> link = ConnectionHandle::take(info[0]);
  if (!state_->engine) return;
  if (link) {
    state_->engine->add(std::move(link));
  } else {
    state_->engine->call_off();
  }
}

template <typename Engine>
Napi::Value TransferHandle<Engine>::connections_open(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), state_->engine ? state_->engine->connections_open() : 0);
}

template <typename Engine>
Napi::Value TransferHandle<Engine>::progress(const Napi::CallbackInfo& info) {
  engine::Progress now = state_->engine ? state_->engine->session().progress() : state_->last;
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("files", static_cast<double>(now.files));
  object.Set("directories", static_cast<double>(now.directories));
  object.Set("bytes", static_cast<double>(now.bytes));
  object.Set("filesTotal", static_cast<double>(now.files_total));
  object.Set("bytesTotal", static_cast<double>(now.bytes_total));
  object.Set("totalsFinal", now.totals_final);
  object.Set("currentPath", to_buffer(info.Env(), now.current_path));
  return object;
}

template <typename Engine>
void TransferHandle<Engine>::cancel(const Napi::CallbackInfo&) {
  if (state_->cancel) state_->cancel->set();
  if (state_->engine && !state_->running) release(*state_);
}

template <typename Engine>
void TransferHandle<Engine>::release(State& state) {
  state.last = state.engine->session().progress();
  state.engine.reset();
  state.cancel.reset();
}

void export_engine(Napi::Env env, Napi::Object exports) {
  exports.Set("Connection", ConnectionHandle::define(env));
  exports.Set("Sender", TransferHandle<engine::Sender>::define(env));
  exports.Set("Receiver", TransferHandle<engine::Receiver>::define(env));
}

}  // namespace ktls::napi
