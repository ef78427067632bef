#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/framer.hpp"
#include "routing/access.hpp"
#include "routing/read_rules.hpp"
#include "routing/router.hpp"
#include "session/client_state.hpp"

// Whether what a client is about to ask may run on a replica: all of its messages up to the Sync that ends them, as far
// as they are there to be read. What is not there to be read is for the primary. Pure but for the memory of verdicts.
namespace forebay {

// What a session's settings say of where it wants to be.
struct route_settings {
  enum class side : std::uint8_t { none, primary, replica };
  side asked = side::none;                                                        // forebay.route
  bool explain = false;                                                           // forebay.explain
  bool read_only = false;                                                         // default_transaction_read_only
  transaction_modes::level isolation = transaction_modes::level::read_committed;  // default_transaction_isolation
  bool plain = true;  // nothing here, nor how a text is to be read, makes another verdict of it
  lsn read_after{};   // forebay.read_after: what another session has written

  // `isolation`: what its login has where the session says nothing.
  static route_settings of(const parameter_set& wanted, transaction_modes::level isolation);
};

struct verdict {
  route_wish::kind what = route_wish::kind::primary;
  const char* reason = "";    // static: why the primary
  std::string about;          // the function or relation that the reason is about
  std::size_t size = 0;       // of the batch in bytes; 0: it is not there to its end
  std::string_view begin{};   // the BEGIN in it
  bool one_snapshot = false;  // for all that follows that BEGIN
  bool ties = false;          // to its server: a cursor, a savepoint, a setting of the transaction
};

// Prepared statements that were found to read, so that an execution costs no look at the text. Each has one place, and
// the last one there is known.
class known_reads {
 public:
  bool contains(const statement_ptr& s, const read_rules_ptr& rules) const {
    return rules == rules_ && !known_.empty() && known_[place_of(s)] == s;
  }
  void add(const statement_ptr& s, const read_rules_ptr& rules) {
    if (rules != rules_) known_.clear();
    rules_ = rules;
    known_.resize(std::size_t{1} << bits);
    known_[place_of(s)] = s;
  }
  void clear() { known_.clear(); }

 private:
  static constexpr unsigned bits = 10;
  static std::size_t place_of(const statement_ptr& s) {
    return reinterpret_cast<std::uintptr_t>(s.get()) * 0x9e3779b97f4a7c15ULL >> (64 - bits);
  }

  read_rules_ptr rules_;  // by which they were found to
  std::vector<statement_ptr> known_;
};

class read_judge {
 public:
  // `rules`: null while the catalog of the database is not known.
  // `within`: a transaction on a replica is open.
  read_judge(access_reader& sql, known_reads& known, const read_rules_ptr& rules, const client_state& client,
             const route_settings& wants, bool within = false)
      : sql_(sql), known_(known), rules_(rules), client_(client), wants_(wants), in_transaction_(within) {}

  // Of the piece that the framer has just handed out, and what is behind it. Once.
  verdict of(const wire::piece& first, std::string_view rest);

 private:
  using kind = route_wish::kind;

  kind of_batch(const wire::piece& first, std::string_view rest);
  kind of_message(const wire::piece& p);
  kind of_text(std::string_view text);
  kind of_access(const sql_access& access, bool on_replica);
  kind of_name(std::string_view name);
  kind by_rules(const sql_access& access);
  kind primary(const char* reason, std::string about = {});

  access_reader& sql_;
  known_reads& known_;
  const read_rules_ptr& rules_;
  const client_state& client_;
  const route_settings& wants_;
  std::vector<std::string_view> parsed_;  // names that the batch itself has given
  bool in_transaction_;                   // that the batch has begun or is within, and that reads only
  verdict found_;                         // so far
};

}  // namespace forebay
