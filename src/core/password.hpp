#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

// Passwords by which Forebay logs in to servers: the text itself, or where it is to be had.
namespace forebay {

struct password_source {
  enum class kind : unsigned char { text, environment, file, command };

  kind from = kind::text;
  std::string text;   // in clear. Of a variable or a file: what it held when the configuration was read
  std::string where;  // the variable, the file's path, the command for /bin/sh
  std::chrono::milliseconds timeout{5'000};  // of the command

  password_source() = default;
  password_source(std::string in_clear) : text(std::move(in_clear)) {}  // NOLINT(google-explicit-constructor)
  password_source(const char* in_clear) : text(in_clear) {}             // NOLINT(google-explicit-constructor)

  bool empty() const { return from == kind::text && text.empty(); }
  bool operator==(const password_source&) const = default;
};

// The password of the moment. A file is read at once; a command runs on a thread of its own that outlives whoever does
// not want to wait for it, once for all who ask for its output while it runs. Any thread.
//
//   auto found = password_lookup::start(source);  then poll(found->fd()) until found->ended(): value() or error().
class password_lookup {
 public:
  static std::shared_ptr<password_lookup> start(const password_source& source);
  ~password_lookup();
  password_lookup(const password_lookup&) = delete;
  password_lookup& operator=(const password_lookup&) = delete;

  int fd() const { return event_; }  // of a command's: readable once it has ended, and from then on
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  // Once it has ended. The output's or file's text without the end of its last line.
  const std::string& value() const { return value_; }
  const std::string& error() const { return error_; }  // never shows what was read

 private:
  explicit password_lookup(password_source source);
  void run();
  void finish();

  const password_source source_;
  int event_ = -1;
  std::string value_, error_;  // written before ended_ is
  std::atomic<bool> ended_{false};
};

// The text of a password file: what it holds without the end of its last line, or what is wrong with it.
struct password_text {
  std::string value;
  std::string error;
};
password_text read_password_file(const std::string& path);

}  // namespace forebay
