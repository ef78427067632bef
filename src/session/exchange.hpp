#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/gather.hpp"
#include "pool/server_state.hpp"
#include "protocol/wire/framer.hpp"
#include "protocol/wire/notice.hpp"
#include "routing/classifier.hpp"
#include "session/client_state.hpp"

// The conversation of one client with the server connection it holds: what of the client's messages goes to the server
// and in which shape (statement names, settings ahead of the first request), and what of the server's goes back.
// Pure: bytes come in as pieces and go out through two gathers. Made on the stack for each event.
namespace forebay {

class exchange {
 public:
  exchange(client_state& client, server_state& server, gather& to_server, gather& to_client, classifier& sql)
      : client_(client), server_(server), to_server_(to_server), to_client_(to_client), sql_(sql) {}

  // Whether what this message does depends on answers that are still to come: on a Parse or Close of an earlier batch,
  // which may be dropped, or on a DEALLOCATE ALL. Then it may be handed to request() only after the next reply.
  bool must_wait(const wire::piece& p) const;
  // Sends what makes those answers come, if nothing else does.
  void hasten(const wire::piece& p);
  // Has answered what was asked without a Sync.
  void flush();
  static wire::pg_error invalid_type(char type);
  // A piece of a message of the client. An error ends the session (FATAL): the message was no protocol.
  std::optional<wire::pg_error> request(const wire::piece& p);

  enum class progress : std::uint8_t {
    more,
    farewell,   // the server said a last word (FATAL); see farewell()
    forbidden,  // the session must end: it did what its mode does not allow, or wants what is refused; see farewell()
    violation,  // the server broke the protocol
  };
  // A piece of a message of the server.
  progress reply(const wire::piece& p);
  const wire::pg_error& farewell() const { return farewell_; }

  // The server may go back to its pool: nothing owed, nothing half said, and no reason to stay.
  bool releasable() const;

  // Makes the server's settings these, before the client's request; the replies are swallowed. Nothing is sent when
  // nothing differs.
  void apply_settings(const parameters& settings);
  // Sends SQL of our own; its replies are swallowed.
  void run_own(std::string_view sql);
  // When its client has left, for others.
  void undo_what_is_left();
  // What was not answered has not been done.
  void server_lost();
  // At the end of a transaction, where the client's statements may have ended the reason of its pin.
  bool pin_is_in_doubt() const { return client_.may_unpin && server_.tracker.idle() && server_.left != 0; }
  void ask_whether_pinned();

 private:
  enum class fate : std::uint8_t { done, failed, skipped };  // skipped: behind one that failed

  bool waits_for_copy(const wire::piece& p) const;
  bool waits_for_settings(const wire::piece& p) const;
  bool query_waits(const wire::piece& p) const;
  bool execute_waits(const wire::piece& p) const;
  std::ptrdiff_t unanswered(effect::mask what) const;
  void probe(std::optional<fsm::request> instead_of);
  void probe_if_in_doubt();
  void use_settings(const wire::piece& next);
  parameters wanted_ahead_of(const wire::piece& next) const;
  void on_query(const wire::piece& p);
  void sent(fsm::request kind, fsm::action what, std::uint32_t id = 0);
  void sent_bind(std::string_view portal, const statement_ptr& s, named_statement about = {}, std::uint32_t id = 0);

  // exchange_names.cpp
  static std::vector<named_command> commands_in(std::string_view text, const sql_effects_ptr& effects);
  named_statement find_named_statement(const statement_ptr& s) const;
  static bool is_about_name(const statement_ptr& s) {
    return s && s->effects && (s->effects->mask & effect::statement_name) != 0;
  }
  bool on_named_commands(std::string_view text, const sql_effects_ptr& effects);
  named_statement executed_by(const named_statement& about) const;
  named_statement innermost(named_statement about) const;
  statement_ptr target_of(const named_statement& about, int depth = 0);
  statement_ptr with_server_name(const statement& s, const named_statement& about, int depth = 0);
  void execute_named(const wire::piece& p, server_state::in_flight record);
  void pin_if_it_sets(const sql_effects_ptr& effects);
  void sent_about(fsm::request kind, const named_statement& about, server_state::in_flight record = {});
  void sent_about_several(const std::vector<named_statement>& uses, const sql_effects_ptr& effects);

  std::optional<wire::pg_error> on_parse(const wire::piece& p);
  static statement_ptr shared_statement(std::string_view query, std::string_view types, sql_effects_ptr effects,
                                        std::string_view reading = {});
  statement_ptr statement_for_use(std::string_view name);
  statement_ptr statement_of(std::string_view query, std::string_view types) const;
  void watch_parse(const wire::piece& p);
  void watch_bind(const wire::piece& p);
  void parse_named(std::string_view name, std::string_view query, std::string_view types);
  std::optional<wire::pg_error> on_bind(const wire::piece& p);
  std::optional<wire::pg_error> on_describe_or_close(const wire::piece& p);
  void forward(const wire::piece& p, fsm::request kind);
  void sent_with_record(fsm::request kind, fsm::action what, server_state::in_flight record, std::uint32_t id = 0);
  sql_effects_ptr effects_of(std::string_view text) const;
  std::string reading_of(std::string_view text, const sql_effects_ptr& effects) const;
  struct sql_to_send {
    sql_effects_ptr effects;
    std::string_view text;  // the client's, of the effects, or static
    bool replaced = false;
  };
  sql_to_send as_sent(std::string_view text) const;
  void note(const sql_effects_ptr& effects);
  static bool is_followed(const sql_effects_ptr& effects);
  void on_execute(const wire::piece& p);
  decltype(client_state::portals)::const_iterator find_portal(const wire::piece& p) const;
  void set_portal(const std::string& name, const portal_ptr& portal);
  void ensure_prepared(const statement_ptr& s);
  void close_on_server(const statement_ptr& s);
  void close_name(const wire::piece& p, std::string_view name);
  void ensure_unnamed(const statement_ptr& s);
  std::uint32_t schema_era() const {
    return server_.schema_era ? server_.schema_era->load(std::memory_order_relaxed) : 0;
  }
  void schema_changed();
  void send_parse(const statement_ptr& s, std::string_view server_name, fsm::action what,
                  server_state::in_flight record, std::string_view as_it_came = {});
  void pin(pin_reason reason);
  void unpin(pin_mask reasons);

  void settle(const fsm::outcome& o, fate f);
  void set_prepared(const statement_ptr& s, bool has);
  statement_ptr find_for_oldest(const std::string& name) const;
  void set_name(const std::string& name, const statement_ptr& s);
  void replay_flights();
  void emit_synthesized();
  bool on_command_complete(std::string_view tag, bool ours);
  enum class changed : std::uint8_t { nothing, something, listens };
  changed change_state();
  effect::mask effects_of_answered() const;
  void apply(const state_change& c);
  server_state::in_flight* record_of_answered() const;
  bool names_beside_sql_follow() const;
  bool answers_our_question() const;
  void on_ready(bool ours);
  progress on_withheld_ready(const wire::piece& p);
  bool on_parameter(const wire::piece& p, bool ours);
  progress on_error(const wire::piece& p, bool ours);
  std::optional<std::string> clients_wording(const wire::error_response& error) const;
  server_state::in_flight* failed_record() const;
  template <class See>
  void for_each_name(See see) const;
  std::optional<std::string_view> name_of_failed() const;
  std::optional<std::string_view> name_of(std::string_view server_name) const;
  void forget_session_state(bool ours);
  void tell_news();

  static const std::string_view refusal;  // SQL that says what on_session_state = "refuse" says
  // Ids of tracker entries: whether they have a record in server_.flights, and which name the client used, for errors
  // about it.
  static constexpr std::uint32_t has_record = 1;
  static std::uint32_t id_of_name(std::string_view name) {
    return (static_cast<std::uint32_t>(std::hash<std::string_view>()(name)) | 2U) & ~has_record;
  }

  client_state& client_;
  server_state& server_;
  gather& to_server_;
  gather& to_client_;
  classifier& sql_;
  wire::pg_error farewell_;
};

}  // namespace forebay
