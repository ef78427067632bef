#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/parameters.hpp"
#include "core/sql_effects.hpp"

// What a session's statements change beyond their transaction, and transactions and savepoints take back.
//
// Settings, so far as the server does not tell of them (ParameterStatus tells of a few only): `wanted` is what the
// session wants, `current` what its server has; both change alike. And the channels the session listens to: what it
// said about them is handed out once it is committed.
namespace forebay {

class state_log {
 public:
  parameters wanted = parameter_set::empty();    // a server gets them before it serves the session
  parameters at_login = parameter_set::empty();  // where RESET and DISCARD ALL lead back to

  struct channel_change {
    enum class kind : std::uint8_t { listen, unlisten, unlisten_all } what;
    std::string channel;
  };

  // Statements that took effect, in order.
  void set(const std::string& name, const std::string& value, parameters& current);
  void reset(const std::string& name, parameters& current);
  void reset_all(parameters& current);
  void discard_all(parameters& current, const parameters& initial);
  void on_channel(channel_change change, const parameters& current);
  void savepoint(const std::string& name, const parameters& current);
  void release(const std::string& name);
  bool roll_back_to(const std::string& name, parameters& current);  // false: there is no such savepoint
  void commit();
  void roll_back(parameters& current);
  void failed(parameters& current);             // a statement did
  void transaction_ended(parameters& current);  // by ReadyForQuery 'I'
  void server_lost();

  // What the server is to have ahead of a text that does this alone. What it resets need not be valid any more, and
  // stays as it is, but for what is reported: its value counts, should the text fail.
  parameters wanted_ahead_of(const state_change& next, const parameters& current) const;

  // ParameterStatus: true when it is news to the client.
  bool reported(std::string_view name, std::string_view value, parameters& current, const parameters& initial);
  // What the client must be told at ReadyForQuery: the settings that are not as it knows them.
  parameters take_news(const parameters& current, const parameters& initial);

  std::vector<channel_change> take_channels() { return std::exchange(channels_, {}); }  // those that are committed
  bool channels_changed(bool at_end) const;                                             // at_end: of the transaction

  bool in_transaction() const { return !points_.empty(); }

 private:
  struct resets {  // since the last ReadyForQuery
    bool all = false;
    std::vector<std::string> names{};  // behind RESET ALL: those set again
  };
  struct point {
    std::string savepoint;  // empty: the transaction's begin
    parameters wanted, current;
    resets resets_before;
    std::vector<channel_change> channels{};  // changed behind it
  };
  void begin(const parameters& current);
  void forget();
  void hide();
  bool is_reset(std::string_view name) const;
  void mark_reset(const std::string& name, bool yes);
  void restore(const point& p, parameters& current);

  std::vector<point> points_;  // made with the first change of a transaction
  bool failed_ = false;        // a transaction that ends by itself is rolled back
  std::vector<channel_change> channels_;
  bool listens_ = false;  // it has said LISTEN
  // For PostgreSQL a session's defaults are those of its startup packet. For the server session behind us they are
  // not: what it reports behind a RESET is kept from the client, which is told what it asked for at login instead.
  parameters told_;  // what the client knows; null: `wanted`
  resets resets_;
};

}  // namespace forebay
