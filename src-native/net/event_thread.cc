#include "net/event_thread.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "base/thread.h"

namespace ktls::net {

Status EventThread::start(const char* name, std::function<void()> run) {
  epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return Status::system("epoll_create1", errno);
  wake_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return Status::system("eventfd", errno);
  if (!watch(EPOLL_CTL_ADD, wake_.get(), EPOLLIN, nullptr)) return Status::system("epoll_ctl", errno);

  Result<std::thread> thread = start_thread(name, std::move(run));
  if (!thread.ok()) return std::move(thread).status();
  thread_ = std::move(*thread);
  return {};
}

void EventThread::stop() {
  if (!thread_.joinable()) return;
  post([this] { stopping_ = true; });
  thread_.join();
}

void EventThread::post(Command command) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    first = commands_.empty();
    commands_.push_back(std::move(command));
  }
  // Whoever came first has woken the thread, which then takes all.
  if (first) eventfd_write(wake_.get(), 1);
}

bool EventThread::watch(int operation, int fd, uint32_t events, void* data) {
  epoll_event event{events, {data}};
  return epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

void EventThread::run_commands() {
  eventfd_t ignored;
  eventfd_read(wake_.get(), &ignored);
  std::vector<Command> commands;
  {
    std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (Command& command : commands) command();
}

}  // namespace ktls::net
