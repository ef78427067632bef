#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/command.hpp"

// A console client's side of the protocol (PostgreSQL manual, "Message Flow"): simple and extended queries over the
// table of commands. One per console session. message() calls follow one another: the next comes only after `done`,
// so no lock is needed although commands may end on other threads.
namespace forebay::admin {

class conversation : public std::enable_shared_from_this<conversation> {
 public:
  using answer = console_session::answer;

  conversation(std::shared_ptr<console_shared> shared, right granted);

  void message(char type, std::string_view body, std::function<void(answer)> done);
  // What runs should stop, if it can: a PAUSE is undone. Any thread.
  void cancel() { cancelled_->store(true); }

 private:
  struct prepared {
    const command* what = nullptr;  // null: the empty query
    statement_tokens arguments;
  };
  struct portal {
    std::shared_ptr<const prepared> statement;
    formats how;
    bool ran = false;
    std::vector<row> rows;
    std::size_t next = 0;  // the first row not sent yet
  };

  void query(std::string_view body);
  void run_next();
  void parse(std::string_view body);
  void bind(std::string_view body);
  void describe(std::string_view body);
  void execute(std::string_view body);
  void send_rows(const std::string& name, std::uint32_t max_rows);
  void close(std::string_view body);
  void sync();

  void run(const prepared& p, std::function<void(outcome)> then);
  void fail(wire::pg_error why);  // in an extended batch: the rest of it is skipped
  void fail_query(wire::pg_error why);
  void malformed();
  void ready();
  void finish();

  template <class Message>
  void send(const Message& message) {
    message.encode(out_);
  }

  const std::shared_ptr<console_shared> shared_;
  const right granted_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);

  std::map<std::string, std::shared_ptr<const prepared>, std::less<>> statements_;
  std::map<std::string, portal, std::less<>> portals_;
  bool skipping_ = false;  // up to the next Sync

  // Of the message at hand.
  std::function<void(answer)> done_;
  answer answer_;
  wire::writer out_{answer_.bytes};
  std::vector<statement_tokens> queue_;  // of a simple query, still to run, last first
  std::vector<std::function<void()>> afterwards_;
};

}  // namespace forebay::admin
