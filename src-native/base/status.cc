#include "base/status.h"

#include <cstring>

namespace ktls {

namespace {

const std::string& empty_string() {
  static const std::string empty;
  return empty;
}

}  // namespace

Status::Status(const Status& other)
    : code_(other.code_), detail_(other.detail_ ? std::make_unique<Detail>(*other.detail_) : nullptr) {}

Status& Status::operator=(const Status& other) {
  if (this == &other) return *this;
  code_ = other.code_;
  detail_ = other.detail_ ? std::make_unique<Detail>(*other.detail_) : nullptr;
  return *this;
}

Status Status::of(Code code) {
  Status status;
  status.code_ = code;
  return status;
}

Status Status::fail(Code code, std::string message) {
  Status status = of(code);
  status.detail().message = std::move(message);
  return status;
}

Status Status::system(const char* syscall, int error_number, std::string_view path) {
  Status status = of(Code::system);
  Detail& detail = status.detail();
  detail.error_number = error_number;
  detail.syscall = syscall;
  detail.path = path;
  char text[128];
  detail.message = strerror_r(error_number, text, sizeof text);
  return status;
}

Status Status::reported(Code code, int error_number, std::string path, std::string message) {
  Status status = fail(code, std::move(message));
  status.detail().error_number = error_number;
  status.detail().path = std::move(path);
  return status;
}

const std::string& Status::path() const { return detail_ ? detail_->path : empty_string(); }

const std::string& Status::message() const { return detail_ ? detail_->message : empty_string(); }

Status&& Status::with_path(std::string path) && {
  detail().path = std::move(path);
  return std::move(*this);
}

Status::Detail& Status::detail() {
  if (!detail_) detail_ = std::make_unique<Detail>();
  return *detail_;
}

}  // namespace ktls
