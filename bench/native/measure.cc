// usage: measure REPORT COMMAND [ARGUMENT...]
// Runs a command and writes to REPORT, as one JSON object, what it and every process that came of it used:
// start and end on CLOCK_MONOTONIC (ns; comparable between processes of one machine), CPU time (us), the
// peak RSS of the largest process (KiB), and how it ended. Exits as the command did; SIGTERM is passed on.
//
// A program of its own, because a child inherits the peak RSS of the process that forked it: spawned by
// Node, /bin/true would be said to need Node's memory. As subreaper it also counts what daemonized.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

volatile pid_t command = 0;

void pass_on(int signal) {
  if (command > 0) {
    kill(command, signal);
  }
}

long long now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

long long microseconds(const timeval& t) { return t.tv_sec * 1'000'000LL + t.tv_usec; }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: measure REPORT COMMAND [ARGUMENT...]\n");
    return 125;
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  struct sigaction action {};
  action.sa_handler = pass_on;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  const long long start = now_ns();
  const pid_t child = fork();
  if (child < 0) {
    perror("measure: fork");
    return 125;
  }
  if (child == 0) {
    execvp(argv[2], argv + 2);
    fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
    _exit(127);
  }
  command = child;

  long long end = start;
  long long user = 0;
  long long system = 0;
  long peak = 0;
  int outcome = 0;
  for (;;) {
    int status = 0;
    rusage used{};
    const pid_t pid = wait4(-1, &status, 0, &used);
    if (pid < 0 && errno == EINTR) {
      continue;
    }
    if (pid < 0) {
      break;
    }
    user += microseconds(used.ru_utime);
    system += microseconds(used.ru_stime);
    peak = used.ru_maxrss > peak ? used.ru_maxrss : peak;
    if (pid == child) {
      end = now_ns();
      outcome = status;
      command = 0;
    }
  }

  FILE* report = fopen(argv[1], "we");
  if (report == nullptr) {
    perror("measure: report");
    return 125;
  }
  const int code = WIFEXITED(outcome) ? WEXITSTATUS(outcome) : 128 + WTERMSIG(outcome);
  fprintf(report,
          "{\"startNs\":%lld,\"endNs\":%lld,\"userUs\":%lld,\"systemUs\":%lld,\"peakKiB\":%ld,\"code\":%d}\n",
          start, end, user, system, peak, code);
  return fclose(report) == 0 ? code : 125;
}
