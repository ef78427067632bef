#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.hpp"
#include "pool/portal.hpp"
#include "routing/sql_scan.hpp"
#include "session/pinning.hpp"
#include "session/state_log.hpp"

// What a client's session is, apart from its socket and whichever server connection it holds at the moment.
namespace forebay {

struct client_state {
  config::pool_mode mode = config::pool_mode::transaction;
  config::session_state_policy on_session_state = config::session_state_policy::track;

  state_log settings;
  std::string notifications;  // messages for the client when its transaction has ended

  // Named statements by the client's names; made with the first one.
  struct name_hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using names = std::unordered_map<std::string, statement_ptr, name_hash, std::equal_to<>>;
  std::unique_ptr<names> statements;
  std::unique_ptr<names> forgotten;  // all at once, while requests behind that are answered: errors name them
  statement_ptr unnamed;

  effect::mask effects = effect::none;  // of what was sent since the server was last idle
  pin_reason pin = pin_reason::none;
  bool may_unpin = false;  // since something said so
  // By name, those that matter, and null where one did since the server was last idle; nearly always there are none.
  std::map<std::string, portal_ptr, std::less<>> portals;

  // After an error of our own in an extended batch everything is ignored up to Sync, as PostgreSQL does.
  bool skip_to_sync = false;
  // What happens to the rest of the client's message under way.
  enum class rest : std::uint8_t { forward, drop, collect } rest = rest::forward;
  bool half_sent = false;  // the server has a part of it: nothing else may go there before the rest
  std::string collected;   // a Parse, or a console's message, too large to come whole
  std::string text_tail;   // the last bytes of a large Query's piece before

  bool changed_schema = false;  // in its transaction
  bool schema_is_new = false;   // for others too, since somebody was told
  std::string own_answer;       // SQL in place of a SHOW that Forebay itself has the answer to

  bool timed_out = false;  // its query was cancelled for query_timeout

  bool gone = false;  // the client left: replies are dropped while its server is put in order

  std::uint64_t queries = 0;  // asked by the client
  std::uint64_t transactions = 0;

  // Empty: the unnamed statement, here as in assign(). Valid until names change; null: there is none.
  const statement_ptr& find_statement(std::string_view name) const {
    static const statement_ptr none;
    if (name.empty()) return unnamed;
    if (!statements) return none;
    const auto found = statements->find(name);
    return found == statements->end() ? none : found->second;
  }
  // What a name stands for from now on; null: nothing.
  void assign(const std::string& name, const statement_ptr& s) {
    if (name.empty()) {
      unnamed = s;
    } else if (s) {
      if (!statements) statements = std::make_unique<names>();
      (*statements)[name] = s;
    } else if (statements) {
      statements->erase(name);
    }
  }
  void forget_statements() {
    if (statements) forgotten = std::move(statements);
  }
  bool renames() const { return mode != config::pool_mode::session; }  // statement names are ours on the server
};

}  // namespace forebay
