// A test is an executable of one file: TEST(name) { CHECK(…); CHECK_EQ(…, …); }. main() runs every test
// of it, or those whose name holds the first argument; the exit status says whether all passed. Not for
// worker threads: a check that fails there must be carried to the test's own.
#pragma once

#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "base/status.h"

namespace ktls::test {

// Ends a test. The core never throws; tests do.
struct Failure {};

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& all_tests() {
  static std::vector<Test> tests;
  return tests;
}

struct Registration {
  Registration(const char* name, void (*run)()) { all_tests().push_back({name, run}); }
};

template <typename T>
std::string show(const T& value) {
  std::ostringstream out;
  if constexpr (std::is_same_v<T, Code>) {
    out << code_name(value);
  } else if constexpr (std::is_enum_v<T>) {
    out << static_cast<long long>(value);
  } else if constexpr (std::is_same_v<T, uint8_t>) {
    out << static_cast<unsigned>(value);
  } else {
    out << value;
  }
  return out.str();
}

[[noreturn]] inline void fail(const char* file, int line, const std::string& what) {
  std::printf("  %s:%d: %s\n", file, line, what.c_str());
  throw Failure();
}

inline std::string describe(const Status& status) {
  return std::string(code_name(status.code())) + " " + status.syscall() + " " + status.message() + " " +
         status.path();
}

template <typename A, typename B>
void check_equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (!(a == b)) fail(file, line, std::string(text) + ": " + show(a) + " is not " + show(b));
}

inline void check_ok(const Status& status, const char* text, const char* file, int line) {
  if (!status.ok()) fail(file, line, std::string(text) + ": " + describe(status));
}

template <typename T>
void check_ok(const Result<T>& result, const char* text, const char* file, int line) {
  if (!result.ok()) fail(file, line, std::string(text) + ": " + describe(result.status()));
}

inline Code code_of(const Status& status) { return status.code(); }

template <typename T>
Code code_of(const Result<T>& result) {
  return result.ok() ? Code::ok : result.status().code();
}

inline int run_all(int count, char** arguments) {
  int failed = 0, ran = 0;
  for (const Test& test : all_tests()) {
    if (count > 1 && std::strstr(test.name, arguments[1]) == nullptr) continue;
    ++ran;
    bool passed = true;
    try {
      test.run();
    } catch (const Failure&) {
      passed = false;
      ++failed;
    }
    std::printf("%s %s\n", passed ? "ok" : "FAILED", test.name);
    std::fflush(stdout);
  }
  std::printf("%d of %d failed\n", failed, ran);
  // No test at all is no success.
  return failed == 0 && ran > 0 ? 0 : 1;
}

}  // namespace ktls::test

#define TEST(name)                                                             \
  static void test_##name();                                                   \
  static const ::ktls::test::Registration register_##name(#name, test_##name); \
  static void test_##name()

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) ::ktls::test::fail(__FILE__, __LINE__, #condition); \
  } while (false)

#define CHECK_EQ(a, b) ::ktls::test::check_equal((a), (b), #a " == " #b, __FILE__, __LINE__)
// For a Status or a Result: shows the whole error.
#define CHECK_OK(expression) ::ktls::test::check_ok((expression), #expression, __FILE__, __LINE__)
#define CHECK_CODE(expression, expected) CHECK_EQ(::ktls::test::code_of(expression), ::ktls::Code::expected)

int main(int count, char** arguments) { return ::ktls::test::run_all(count, arguments); }
