// Load on an HTTPS server, over HTTP/1.1, by a client that costs next to nothing: it counts records by their
// headers and throws them away unopened, as a client on another machine would cost the server's processors
// nothing.
//
// usage: https_load PORT PATH CONNECTIONS WARM-UP SECONDS
//
// The first response of each connection is opened, and says how long all of them are: they must be alike.
// Prints `started` and `over` at the two ends of SECONDS, and then one JSON object: requests, bytes (of
// HTTP), seconds.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kRecordHeader = 5;
// Of TLS 1.3 with GCM: the tag, and the byte that says what is inside (RFC 8446, 5.2).
constexpr size_t kRecordOverhead = 16 + 1;
constexpr unsigned char kApplicationData = 23;

struct Connection {
  int fd = -1;
  SSL* ssl = nullptr;
  // Of HTTP, each response.
  uint64_t length = 0;
  // What the response under way still lacks.
  uint64_t missing = 0;
  unsigned char header[kRecordHeader];
  size_t header_bytes = 0;
  // Of the record under way.
  size_t record_bytes = 0;
};

struct Counts {
  uint64_t requests = 0;
  uint64_t bytes = 0;
};

char scratch[1 << 18];

[[noreturn]] void die(const char* what) {
  fprintf(stderr, "%s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
  ERR_print_errors_fp(stderr);
  exit(1);
}

void ask(Connection& connection, const std::string& request) {
  if (SSL_write(connection.ssl, request.data(), static_cast<int>(request.size())) <= 0) die("SSL_write");
  connection.missing = connection.length;
}

// Sends the first request, opens the response, and learns from it how long they are.
void warm(Connection& connection, const std::string& request) {
  ask(connection, request);
  std::string head;
  size_t end = std::string::npos;
  while (end == std::string::npos) {
    int count = SSL_read(connection.ssl, scratch, sizeof scratch);
    if (count <= 0) die("SSL_read");
    head.append(scratch, static_cast<size_t>(count));
    end = head.find("\r\n\r\n");
  }
  if (head.compare(0, 12, "HTTP/1.1 200") != 0) die(head.substr(0, head.find('\r')).c_str());
  const char* field = strcasestr(head.c_str(), "\r\ncontent-length:");
  if (field == nullptr) die("no Content-Length");
  connection.length = end + 4 + strtoull(field + 17, nullptr, 10);
  for (uint64_t received = head.size(); received < connection.length;) {
    int count = SSL_read(connection.ssl, scratch, sizeof scratch);
    if (count <= 0) die("SSL_read");
    received += static_cast<uint64_t>(count);
  }
}

Connection open_connection(SSL_CTX* context, int port, const std::string& request) {
  Connection connection;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection.fd < 0) die("socket");
  if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("connect");
  int on = 1;
  setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connection.ssl = SSL_new(context);
  if (connection.ssl == nullptr || SSL_set_fd(connection.ssl, connection.fd) != 1) die("SSL_new");
  SSL_set_tlsext_host_name(connection.ssl, "localhost");
  if (SSL_connect(connection.ssl) != 1) die("SSL_connect");
  // OpenSSL reads a record at a time, so that nothing of the next one is lost to it.
  warm(connection, request);
  return connection;
}

// Takes `count` bytes or fewer of what has come: 0 where there are none.
size_t take(int fd, void* memory, size_t count, int flags) {
  ssize_t taken = recv(fd, memory, count, MSG_DONTWAIT | flags);
  if (taken > 0) return static_cast<size_t>(taken);
  if (taken < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (taken == 0) errno = ECONNRESET;
  die("recv");
}

// Everything that has come, and the next request where a response is whole.
void advance(Connection& connection, const std::string& request, Counts& counts) {
  for (;;) {
    if (connection.header_bytes < kRecordHeader) {
      size_t taken = take(connection.fd, connection.header + connection.header_bytes,
                          kRecordHeader - connection.header_bytes, 0);
      if (taken == 0) return;
      connection.header_bytes += taken;
      if (connection.header_bytes < kRecordHeader) continue;
      if (connection.header[0] != kApplicationData) die("a record that is no application data");
      connection.record_bytes = static_cast<size_t>(connection.header[3] << 8 | connection.header[4]);
      const size_t content = connection.record_bytes - kRecordOverhead;
      if (connection.record_bytes < kRecordOverhead || content > connection.missing) {
        errno = 0;
        die("a response that is longer than the first");
      }
      connection.missing -= content;
      counts.bytes += content;
    }
    // Of TCP, MSG_TRUNC throws away without a copy (tcp(7)).
    while (connection.record_bytes > 0) {
      size_t taken = take(connection.fd, scratch, connection.record_bytes, MSG_TRUNC);
      if (taken == 0) return;
      connection.record_bytes -= taken;
    }
    connection.header_bytes = 0;
    if (connection.missing > 0) continue;
    counts.requests++;
    ask(connection, request);
  }
}

Counts run(int epoll, std::vector<Connection>& connections, const std::string& request, double seconds) {
  Counts counts;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  epoll_event events[256];
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now).count();
    int ready = epoll_wait(epoll, events, 256, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) advance(connections[events[i].data.u32], request, counts);
  }
  return counts;
}

void say(const char* word) {
  puts(word);
  fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: https_load PORT PATH CONNECTIONS WARM-UP SECONDS\n");
    return 2;
  }
  const int port = atoi(argv[1]);
  const std::string request =
      std::string("GET ") + argv[2] + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: https_load\r\n\r\n";
  const auto count = static_cast<size_t>(atoi(argv[3]));
  const double warm_up = atof(argv[4]);
  const double seconds = atof(argv[5]);

  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1) {
    die("SSL_CTX_new");
  }
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) die("epoll_create1");
  std::vector<Connection> connections;
  for (size_t i = 0; i < count; i++) connections.push_back(open_connection(context, port, request));
  for (size_t i = 0; i < count; i++) {
    epoll_event event{EPOLLIN, {.u32 = static_cast<uint32_t>(i)}};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event) != 0) die("epoll_ctl");
    ask(connections[i], request);
  }

  run(epoll, connections, request, warm_up);
  say("started");
  const auto start = Clock::now();
  const Counts counts = run(epoll, connections, request, seconds);
  const std::chrono::duration<double> took = Clock::now() - start;
  say("over");
  printf("{\"requests\": %llu, \"bytes\": %llu, \"seconds\": %.6f}\n",
         static_cast<unsigned long long>(counts.requests), static_cast<unsigned long long>(counts.bytes),
         took.count());
  return 0;
}
