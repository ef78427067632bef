"""The rules of the reply tracker and of the exchange, each with a change of the source that removes it. mutate.py shows that the
tester notices every one. A text must occur exactly once in its file: who changes a rule changes it here, too."""

from typing import NamedTuple


class Mutation(NamedTuple):
    rule: str
    file: str
    text: str
    replacement: str


TRACKER, REQUESTS, STATEMENTS, REPLIES = ("protocol/fsm/reply_tracker.cpp", "src/session/exchange_requests.cpp",
                                          "src/session/exchange_statements.cpp", "src/session/exchange_replies.cpp")
NAMES = "src/session/exchange_names.cpp"
HEADER, PINNING, END = "protocol/fsm/reply_tracker.hpp", "src/session/pinning.cpp", "src/session/session_end.cpp"
STATE_LOG, CHANNELS = "src/session/state_log.cpp", "src/session/session_channels.cpp"

MUTATIONS = [Mutation(*m) for m in (
    # ---- the reply tracker
    ("what we asked is answered to us, not to the client", TRACKER,
     "return front() && front()->what == action::swallow ? action::swallow : action::forward;", "return action::forward;"),
    ("we answer when it is the request's turn", TRACKER,
     "if (!front() || front()->what != action::synthesize) return std::nullopt;",
     "const auto early = std::find_if(fifo_.begin() + static_cast<std::ptrdiff_t>(head_), fifo_.end(), [](const entry& e) { return e.what == action::synthesize; });"
     "\n  if (early != fifo_.end()) std::rotate(fifo_.begin() + static_cast<std::ptrdiff_t>(head_), early, early + 1);"
     "\n  if (!front() || front()->what != action::synthesize) return std::nullopt;"),
    ("behind an error requests up to the next Sync go unanswered", TRACKER, "if (is_extended(request->kind)) drop_until_sync();",
     "if (is_extended(request->kind)) pop();"),
    ("behind an error requests that are still to come are skipped", TRACKER, "skipping_ = front() == nullptr;", "skipping_ = false;"),
    ("a failed Flush makes the server skip", TRACKER, "skipping_ = skipping_ || unsynced_;", ""),
    ("an unfinished batch holds the server", HEADER, "return owed() == 0 && !unsynced_ && !skipping_", "return owed() == 0 && !skipping_"),
    ("a skipped batch holds the server", HEADER, "return owed() == 0 && !unsynced_ && !skipping_", "return owed() == 0 && !unsynced_"),
    ("what is owed holds the server", HEADER, "return owed() == 0 && !unsynced_", "return !unsynced_"),
    ("a transaction holds the server", HEADER, "return settled() && status_ == 'I';", "return settled();"),
    ("COPY IN begins", TRACKER, "      begin_copy_in();\n", ""),
    ("COPY OUT begins", TRACKER, "      copy_ = copy_mode::out;\n", ""),
    ("COPY IN ends with CopyDone or CopyFail", TRACKER, "if (wants_copy_data()) {\n        copy_end_sent_ = true;", "if (false) {\n        copy_end_sent_ = true;"),
    ("CopyDone sent ahead of the COPY's begin counts", TRACKER, "copy_end_sent_ = all_sent || ends > 0;", "copy_end_sent_ = all_sent;"),
    ("a Sync within COPY IN is not answered", TRACKER, "        ++copy_syncs_;\n        return;\n", "        ++copy_syncs_;\n"),
    ("a Sync sent ahead of COPY IN is not answered", TRACKER, "  fifo_.erase(std::remove_if(behind, next, is_sync), next);\n", ""),
    ("a COPY's Sync is perhaps answered when the COPY fails", TRACKER, "  skipping_ = front() == nullptr;\n  stray_ready_ += std::exchange(copy_syncs_, 0);\n",
     "  skipping_ = front() == nullptr;\n"),
    # ---- the exchange: statements
    ("a statement is prepared on the server that lacks it", STATEMENTS,
     "if (!server_.prepared.use(s)) send_parse(s, s->server_name, action::swallow, {.what = s});", "server_.prepared.add(s);"),
    ("the unnamed statement is prepared on another server", STATEMENTS, "if (server_.unnamed != s) send_parse(s, \"\", action::swallow, {.what = s});", ""),
    ("an unnamed statement does not leak to the next client", STATEMENTS, "} else if (!server_.unnamed_clean) {", "} else if (false) {"),
    ("a failed Parse leaves no name", REPLIES, "  if (record.names)\n", "  if (false)\n"),
    ("a failed Parse leaves nothing prepared", REPLIES, "set_prepared(record.what, record.had);", "(void)record.had;"),
    ("a name in use is refused", STATEMENTS, "if (const auto known = client_.find_statement(name)) {", "if (const auto known = statement_ptr{}) {"),
    ("a failed transaction refuses Parse", STATEMENTS, "if (!server_.tracker.may_refuse() && !old) {", "if (!old) {"),
    ("Close ends the client's name", STATEMENTS, "client_.assign(record.client_name, nullptr);\n  if (name.empty()) {",
     "if (name.empty()) {"),
    ("what depends on an answer to come waits for it", STATEMENTS, "  if (forgets) return true;\n", "  return false;\n"),
    ("a simple query destroys the unnamed statement", REQUESTS, "  client_.unnamed = nullptr;\n", ""),
    ("DEALLOCATE ALL: the client's statements are forgotten", REPLIES,
     "server_.prepared.clear();\n    if (client_.statements) client_.statements->clear();", "server_.prepared.clear();"),
    ("DEALLOCATE ALL: the server's statements are forgotten", REPLIES,
     "server_.prepared.clear();\n    if (client_.statements)", "if (client_.statements)"),
    ("DISCARD ALL: the client's statements are forgotten", REPLIES,
     "if (client_.gone) return;\n  if (client_.statements) client_.statements->clear();", "if (client_.gone) return;"),
    ("DISCARD ALL: the server's statements are forgotten", REPLIES, "server_.prepared.clear();\n  server_.left", "server_.left"),
    ("what is parsed behind DEALLOCATE ALL stays", REPLIES, "client_.assign(f.client_name, f.behind);", ""),
    ("DEALLOCATE and EXECUTE know the client's names", NAMES, "if (!about || server_.tracker.status() == 'E') return false;", "return false;"),
    ("DEALLOCATE and EXECUTE that are bound know the client's names", NAMES, "if (!is_about_name(s) || refused) return {};", "if (refused || true) return {};"),
    ("EXECUTE that is described knows the client's names", STATEMENTS,
     "if (about && about.command.what == named_command::kind::execute) s =", "if (false) s ="),
    ("what EXECUTE executes is prepared", NAMES, "  ensure_prepared(about.statement);\n  const auto text", "  const auto text"),
    ("the unnamed SQL about a name is parsed once", NAMES, "if (there && there->query == text &&", "if (there &&"),
    ("a name that has ended since the Bind is unknown", NAMES, "    close_on_server(s);\n", ""),
    ("a statement evicted since the Bind is prepared again", NAMES,
     "== s) {\n    ensure_prepared(s);\n", "== s) {\n"),
    ("DEALLOCATE ends the client's name", NAMES, "    client_.assign(command.name, nullptr);\n", ""),
    ("DEALLOCATE ends the statement on the server", NAMES, "    server_.prepared.remove(s.get());\n", ""),
    ("DEALLOCATE that fails leaves the name", NAMES, "    record.names = true;\n", ""),
    ("EXECUTE changes the settings that its statement does", NAMES, "changes.empty()) record.effects = s->effects;", "changes.empty()) {}"),
    ("errors of SQL about a name show the client's", REPLIES, "if (failed.clashes || failed.sql)", "if (failed.clashes)"),
    ("a portal of SQL about a name is known as often as it is executed", REQUESTS, "if (portal->about) return execute_named(p, portal->about);",
     "if (portal->about) {\n    const auto about = portal->about;\n    std::erase_if(client_.portals, [&](const auto& known) { return &known == portal; });\n    return execute_named(p, about);\n  }"),
    ("what a name means to SQL that is bound waits for the batch before", STATEMENTS, "if ((s && known) || is_about_name(known)) return true;", "if (s && known) return true;"),
    ("statements of a changed table are prepared anew", REPLIES, "server_.outdated = client_.renames();", ""),
    ("errors show the client's names", REPLIES, "return std::string(text).replace(at, statement_name_size, *name);", "return std::string(text);"),
    ("a plan older than a change of the schema is made anew", STATEMENTS,
     "server_.outdated || server_.prepared.prepared_before(s, schema_era());", "server_.outdated;"),
    ("a change of the schema counts from its COMMIT on", REPLIES, "if (std::exchange(client_.changed_schema, false)) schema_changed();", ""),
    ("PREPARE that is not answered yet may have given the name", STATEMENTS, "if (pinned || (client_.effects & effect::prepare) != 0) {", "if (pinned) {"),
    ("a name given beside those of PREPARE keeps the server", PINNING, "WHERE from_sql OR NOT pg_catalog.starts_with(name, 'forebay_')", "WHERE from_sql"),
    ("what is named beside those of PREPARE leaves what it leaves", STATEMENTS, "    note(s->effects);\n    if (s->effects && !s->effects->changes.empty()) pin(pin_reason::setting);\n", ""),
    ("a Close may end what keeps the server", STATEMENTS, "client_.may_unpin = client_.may_unpin || (server_.left & mask_of(pin_reason::prepared_statement)) != 0;", ""),
    ("what a name means to a portal waits for the batch before", STATEMENTS, "return portal && portal->about;", "return portal == nullptr && false;"),
    ("what a name means to a Query waits for what is before", STATEMENTS,
     "return client_.find_statement(command->name) != nullptr ||\n           std::any_of(server_.flights.begin(), server_.flights.end(), names_it);", "(void)names_it;\n    return false;"),
    # ---- settings
    ("settings are replayed ahead of the first request", REQUESTS, "if (client_.settings.wanted != server_.current) apply_settings();", ""),
    ("ParameterStatus changes what the session wants", STATE_LOG,
     "wanted = parameter_set::with(wanted, name, value, true);\n  if (!told_) return true;", "if (!told_) return true;"),
    ("SET changes what the session wants", STATE_LOG, "  wanted = parameter_set::with(wanted, name, value, false);\n", ""),
    ("RESET of a reported setting leads to the login's value", STATE_LOG,
     "if (then) wanted = parameter_set::with(wanted, then->name, then->value, true);", ""),
    ("RESET of another setting leads to the login's value", STATE_LOG, "  wanted = parameter_set::with(wanted, then->name, then->value, false);\n", ""),
    ("RESET ALL leads to the login's values", STATE_LOG, "wanted = r ? parameter_set::with(at_login, r->name, r->value, false) : at_login;", "(void)r;"),
    ("DISCARD ALL leads to the login's values", STATE_LOG, "  wanted = at_login;\n", ""),
    ("ROLLBACK TO takes settings back", STATE_LOG, "  restore(*found, current);\n", ""),
    ("ROLLBACK takes settings back", REPLIES, "      settings.roll_back(server_.current);\n", ""),
    ("COMMIT keeps settings, whatever fails behind it", REPLIES, 'if (tag == "COMMIT" || tag == "PREPARE TRANSACTION") settings.commit();', ""),
    ("an error takes an implicit transaction's settings back", STATE_LOG, "failed_ ? roll_back(current) : commit();", "(void)current;\n  commit();"),
    # ---- channels
    ("LISTEN of a transaction that was rolled back is not made", STATE_LOG,
     "if (!points_.empty()) restore(points_.front(), current);\n  forget();", "if (!points_.empty()) restore(points_.front(), current);\n  commit();"),
    ("LISTEN behind a savepoint is undone with it", STATE_LOG, "  found->channels.clear();\n", ""),
    ("LISTEN is made before ReadyForQuery", CHANNELS, "return state_.settings.channels_changed(ended) || (", "return ("),
    ("own notifications come before ReadyForQuery", CHANNELS, "(ended && channels_ && (state_.effects & effect::notify) != 0)", "false"),
    # ---- what keeps the server
    ("SET whose text does not tell all pins", PINNING,
     'if ((tag == "SET" || tag == "RESET") && (effects & (effect::setting | effect::several))) return pin_reason::setting;', ""),
    ("set_config() in a function pins", PINNING, "  if (effects & effect::set_function) return pin_reason::setting;\n", ""),
    ("LISTEN in a text too large to be read pins", PINNING, '  if (tag == "LISTEN") return pin_reason::listen;\n', ""),
    ("a temporary table pins", PINNING, "  if (effects & effect::temporary) return pin_reason::temporary_table;\n", ""),
    ("an advisory lock pins", PINNING, "  if (effects & effect::advisory_lock) return pin_reason::advisory_lock;\n", ""),
    ("a cursor WITH HOLD pins", PINNING, '  if (tag == "DECLARE CURSOR" && (effects & effect::hold_cursor)) return pin_reason::hold_cursor;\n', ""),
    ("PREPARE in SQL pins", PINNING, '  if (tag == "PREPARE") return pin_reason::prepared_statement;\n', ""),
    ("DISCARD ALL ends the pin", REPLIES, "  client_.pin = pin_reason::none;\n  // What", "  // What"),
    ("what is sent behind DISCARD ALL pins", REPLIES, "    pin(pin_before(client_.effects & one));\n", "    (void)one;\n"),
    ("a pin ends only when the server says so", REPLIES, 'if (answers_our_question() && tag == "SELECT 0") unpin(',
     "if (answers_our_question()) unpin("),
    ("a question about pins asked before a new one does not end it", REQUESTS, "    f.asks &= ~mask_of(reason);", "    (void)f;"),
    ("the server is asked whether a pin has ended", REPLIES, "if (server_.left != 0 && !ours && may_unpin(tag, client_.effects)) client_.may_unpin = true;", ""),
    ("a pin holds the server", REQUESTS, "return client_.pin == pin_reason::none && server_.tracker.idle()", "return server_.tracker.idle()"),
    # ---- what a client leaves
    ("what was left is undone before others get the server", END, "if (s.tracker.status() != 'I' || s.left != 0) {", "if (s.tracker.status() != 'I') {"),
    ("a transaction that was left is rolled back", END, "if (s.tracker.status() != 'I' || s.left != 0) {", "if (s.left != 0) {"),
    ("settings that were left are discarded", PINNING, 'return "DISCARD ALL";', 'return "SELECT 1";'),
    ("advisory locks that were left are unlocked", PINNING,
     '  add(pin_reason::advisory_lock, "SELECT pg_catalog.pg_advisory_unlock_all()");\n', ""),
    ("cursors that were left are closed", PINNING, '  add(pin_reason::hold_cursor, "CLOSE ALL");  // before what they may read from\n', ""),
    ("temporary tables that were left are dropped", PINNING, '  add(pin_reason::temporary_table, "DISCARD TEMP");\n', ""),
    ("channels that were left are no longer listened to", PINNING, '  add(pin_reason::listen, "UNLISTEN *");\n', ""),
    ("statements that SQL left are deallocated", PINNING, '  add(pin_reason::prepared_statement, "DEALLOCATE ALL");\n', ""),
    ("statements deallocated with what was left are known to be gone", REQUESTS,
     "if (server_.left & mask_of(pin_reason::prepared_statement)) server_.prepared.clear();", ""),
)]
