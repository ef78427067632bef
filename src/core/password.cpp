#include "core/password.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "core/clock.hpp"

extern char** environ;

namespace forebay {
namespace {

constexpr std::size_t longest = 64 * 1024;  // tokens of cloud providers take some KiB

std::string system_words(int number) {
  return std::generic_category().message(number);
}

password_text without_line_end(std::string text, const std::string& of) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return {"", of + " is empty"};
  if (text.find('\0') != text.npos) return {"", of + " holds a zero byte"};
  return {std::move(text), ""};
}

// Reads until the end. False: an error, or more than a password can be, in errno.
bool read_all(int fd, std::string& into) {
  std::array<char, 4096> part{};
  while (true) {
    const auto got = read(fd, part.data(), part.size());
    if (got == 0) return true;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    into.append(part.data(), static_cast<std::size_t>(got));
    errno = EFBIG;
    if (into.size() > longest) return false;
  }
}

// A child with its output in a pipe, at the head of a process group of its own.
class child {
 public:
  explicit child(const std::string& command) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
      failure_ = errno;
      return;
    }
    out_ = ends[0];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);  // it might say what must not be said
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::string shell = "sh", option = "-c", text = command;
    std::array<char*, 4> words{shell.data(), option.data(), text.data(), nullptr};
    failure_ = posix_spawn(&pid_, "/bin/sh", &files, &how, words.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    close(ends[1]);
    if (failure_ != 0) pid_ = -1;
  }
  ~child() {
    if (out_ >= 0) close(out_);
    if (pid_ > 0) {
      kill(-pid_, SIGKILL);
      while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  int failure() const { return failure_; }

  // "": all is well.
  std::string read_output(std::string& into, std::chrono::milliseconds timeout) {
    const auto until = steady::now() + timeout;
    std::array<char, 4096> part{};
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady::now()).count();
      pollfd one{out_, POLLIN, 0};
      const int ready = left > 0 ? poll(&one, 1, static_cast<int>(left)) : 0;
      if (ready == 0) return "has not ended within " + std::to_string(timeout.count()) + " ms";
      if (ready < 0 && errno == EINTR) continue;
      const auto got = ready < 0 ? -1 : read(out_, part.data(), part.size());
      if (got < 0) return system_words(errno);
      if (got == 0) return wait_for_end(until);
      into.append(part.data(), static_cast<std::size_t>(got));
      if (into.size() > longest) return "says more than a password can be";
    }
  }

 private:
  // Its output has ended; so will it.
  std::string wait_for_end(steady::time_point until) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(pid_, &status, WNOHANG)) == 0 && steady::now() < until)
      poll(nullptr, 0, 2);
    if (ended != pid_) return "closes its output and does not end";
    pid_ = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
    return WIFEXITED(status) ? "exit status " + std::to_string(WEXITSTATUS(status))
                             : "ended by signal " + std::to_string(WTERMSIG(status));
  }

  pid_t pid_ = -1;
  int out_ = -1;
  int failure_ = 0;
};

password_text run_command(const password_source& source) {
  child running(source.where);
  if (running.failure() != 0) return {"", "the password's command cannot be run: " + system_words(running.failure())};
  std::string output;
  const auto why = running.read_output(output, source.timeout);
  if (!why.empty()) return {"", "the password's command failed: " + why};
  return without_line_end(std::move(output), "the output of the password's command");
}

// Commands that run, by their text.
struct commands {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<password_lookup>> running;
};
commands& all_commands() {
  static auto* const all = new commands;  // for the threads that outlive main()
  return *all;
}

}  // namespace

password_text read_password_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  std::string text;
  const bool good = fd >= 0 && read_all(fd, text);
  const int failure = errno;
  if (fd >= 0) close(fd);
  if (!good) return {"", "the password's file \"" + path + "\" cannot be read: " + system_words(failure)};
  return without_line_end(std::move(text), "the password's file \"" + path + "\"");
}

password_lookup::password_lookup(password_source source) : source_(std::move(source)) {}

password_lookup::~password_lookup() {
  if (event_ >= 0) close(event_);
}

std::shared_ptr<password_lookup> password_lookup::start(const password_source& source) {
  if (source.from != password_source::kind::command) {
    std::shared_ptr<password_lookup> made(new password_lookup(source));
    made->run();
    return made;
  }
  auto& all = all_commands();
  const std::lock_guard lock(all.mutex);
  std::erase_if(all.running, [](const auto& each) { return each.second.expired(); });
  auto& known = all.running[source.where];
  if (auto running = known.lock(); running && !running->ended()) return running;
  std::shared_ptr<password_lookup> made(new password_lookup(source));
  made->event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  try {
    if (made->event_ < 0) throw std::system_error(errno, std::generic_category());
    std::thread([made] { made->run(); }).detach();
    known = made;
  } catch (const std::system_error& e) {  // no room for one more
    made->error_ = "the password's command cannot be run: " + e.code().message();
    made->finish();
  }
  return made;
}

void password_lookup::run() {
  password_text found;
  switch (source_.from) {
    case password_source::kind::text:
    case password_source::kind::environment:
      found.value = source_.text;
      break;
    case password_source::kind::file:
      found = read_password_file(source_.where);
      break;
    case password_source::kind::command:
      found = run_command(source_);
      break;
  }
  value_ = std::move(found.value);
  error_ = std::move(found.error);
  finish();
}

void password_lookup::finish() {
  ended_.store(true, std::memory_order_release);
  if (event_ < 0) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(event_, &one, sizeof one);
}

}  // namespace forebay
