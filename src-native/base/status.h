// What every fallible function of the core returns. The core never throws.
#pragma once

#include <cassert>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/code.h"

namespace ktls {

// Success is one byte and a null pointer; an error carries its explanation on the heap.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(const Status& other);
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;

  // A code whose meaning needs no further words: would_block, end_of_stream, cancelled.
  static Status of(Code code);
  // `message` says what failed and what to do, in one sentence.
  static Status fail(Code code, std::string message);
  // A failed system call. `error_number` is errno's value.
  static Status system(const char* syscall, int error_number, std::string_view path = {});

  // What a peer says went wrong at its end.
  static Status reported(Code code, int error_number, std::string path, std::string message);

  bool ok() const { return code_ == Code::ok; }
  bool is(Code code) const { return code_ == code; }
  Code code() const { return code_; }
  // errno of the failed system call; 0 for every code but Code::system (and for a peer's report).
  int error_number() const { return detail_ ? detail_->error_number : 0; }
  const char* syscall() const { return detail_ ? detail_->syscall : ""; }
  // The path concerned, relative to the tree where there is one; raw bytes as the kernel gave them.
  const std::string& path() const;
  const std::string& message() const;

  Status&& with_path(std::string path) &&;

 private:
  struct Detail {
    int error_number = 0;
    const char* syscall = "";  // a string literal: never freed
    std::string path;
    std::string message;
  };

  Detail& detail();

  Code code_ = Code::ok;
  std::unique_ptr<Detail> detail_;
};

// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Status status) : content_(std::in_place_index<1>, std::move(status)) {
    assert(!std::get<1>(content_).ok());
  }

  bool ok() const { return content_.index() == 0; }
  bool is(Code code) const { return ok() ? code == Code::ok : std::get<1>(content_).is(code); }
  T& value() & { return std::get<0>(content_); }
  const T& value() const& { return std::get<0>(content_); }
  T&& value() && { return std::move(std::get<0>(content_)); }
  T& operator*() & { return value(); }
  T* operator->() { return &value(); }
  // Precondition: !ok().
  Status status() && { return std::move(std::get<1>(content_)); }
  const Status& status() const& { return std::get<1>(content_); }

 private:
  std::variant<T, Status> content_;
};

}  // namespace ktls

// Leaves the enclosing function early with the Status of a failed step.
#define KTLS_TRY(expression)                                                           \
  do {                                                                                 \
    if (::ktls::Status try_status = (expression); !try_status.ok()) return try_status; \
  } while (false)
