#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/fsm/reply_tracker.hpp"

// PostgreSQL's main loop (tcop/postgres.c) and its reading of COPY data (copyfromparse.c) as far as messages go,
// written without a look at reply_tracker: requests go in, replies come out, one step at a time.
namespace forebay::fsm {

// What a statement does when it runs. The data of copy_in may still be refused.
enum class statement { command, rows, suspended, empty, copy_out, copy_in, error };

struct model_request {
  request kind = request::sync;
  action what = action::forward;  // synthesize: the server does not see it
  std::uint32_t id = 0;
  std::vector<statement> statements{};  // of query (any number) and execute (one)
};

struct model_reply {
  char type;
  std::string body;
  std::optional<model_request> of;  // none: asynchronous
  bool completes = false;
};

class server_model {
 public:
  explicit server_model(std::mt19937& random) : random_(random) {}

  void write(model_request r) { in_.push_back(std::move(r)); }
  // Does something, if there is anything to do.
  bool step();
  std::optional<model_reply> read();

  // Nothing more will come without a further request, and no batch is open.
  bool owes_nothing() const;
  char status() const { return status_; }
  bool dead() const { return dead_; }  // over a request in the middle of COPY data, as since PostgreSQL 14

 private:
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  void reply(char type, bool completes = false);
  void asynchronous();
  void ready();
  void fail();
  void process(const model_request& r);
  void copy_message(const model_request& r);
  void run_statements();
  void answer(char type, unsigned error_percent);

  std::mt19937& random_;
  std::deque<model_request> in_;
  std::deque<model_reply> out_;
  model_request current_;
  std::size_t next_statement_ = 0;
  bool copying_ = false;
  bool reading_ = false;
  bool skipping_ = false;
  bool batch_ = false;
  bool dead_ = false;
  char status_ = 'I';
};

}  // namespace forebay::fsm
