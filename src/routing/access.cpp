#include "routing/access.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "routing/reads.hpp"
#include "routing/sql_scan.hpp"
#include "routing/sql_template.hpp"
#include "routing/syntax.hpp"

namespace forebay {
namespace {

using kind = sql_access::kind;
using change = sql_access::change;

constexpr const char* not_a_select = "not a select";

sql_access primary(const char* reason, change changes = change::anything) {
  sql_access found;
  found.reason = reason;
  found.changes = changes;
  return found;
}

// What is known of it but where it may run.
sql_access primary(const char* reason, sql_access&& found) {
  found.what = kind::primary;
  found.reason = reason;
  found.name.clear();
  return std::move(found);
}

sql_access of_kind(kind what, const char* name = "") {
  sql_access found;
  found.what = what;
  found.name = name;
  return found;
}

// A read of all that these messages name, if it is one.
template <class... Messages>
sql_access read_of(kind what, const char* name, bool planned, const Messages*... messages) {
  auto found = of_kind(what, name);
  reads all(found, planned);
  (all.visit(messages), ...);
  const auto* reason = all.finish();
  return reason ? primary(reason, std::move(found)) : std::move(found);
}

template <class... Messages>
sql_access write_of(const char* reason, const Messages*... messages) {
  return primary(reason, read_of(kind::primary, "", false, messages...));
}

sql_access but_fleeting(const char* reason, sql_access&& found) {
  found.fleeting = reason;
  return std::move(found);
}

bool is_select(const PgQuery__Node* node) {
  return node && node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT;
}

// A constant as SET would have it, or the bare value of an option.
std::optional<std::string> text_of(const PgQuery__Node* node) {
  if (!node) return std::nullopt;
  if (node->node_case == PG_QUERY__NODE__NODE_STRING) return node->string->sval;
  if (node->node_case == PG_QUERY__NODE__NODE_INTEGER) return std::to_string(node->integer->ival);
  if (node->node_case != PG_QUERY__NODE__NODE_A_CONST) return std::nullopt;
  const auto& c = *node->a_const;
  switch (c.val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
      return std::to_string(c.ival->ival);
    case PG_QUERY__A__CONST__VAL_SVAL:
      return c.sval->sval;
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
      return c.boolval->boolval ? "true" : "false";
    default:
      return std::nullopt;
  }
}

// As PostgreSQL reads a boolean setting: any beginning of the word that is no other's.
std::optional<bool> truth_of(const std::optional<std::string>& value) {
  const auto begins = [&](std::string_view word, std::size_t least) {
    return value && value->size() >= least && value->size() <= word.size() &&
           same_name(*value, word.substr(0, value->size()));
  };
  if (begins("true", 1) || begins("yes", 1) || begins("on", 2) || begins("1", 1)) return true;
  if (begins("false", 1) || begins("no", 1) || begins("off", 2) || begins("0", 1)) return false;
  return std::nullopt;
}

// What is not understood is taken for what only the primary can give.
void add_mode(transaction_modes& modes, std::string_view name, const std::optional<std::string>& value) {
  if (same_name(name, "transaction_read_only")) {
    modes.read_only = truth_of(value).value_or(false);
  } else if (same_name(name, "transaction_deferrable")) {
    modes.deferrable = truth_of(value).value_or(true);
  } else if (same_name(name, "transaction_isolation")) {
    modes.isolation = transaction_modes::level_of(value.value_or(""));
  }
}

void add_modes(transaction_modes& modes, std::size_t count, PgQuery__Node* const* options) {
  for (std::size_t i = 0; i < count; ++i) {
    if (options[i]->node_case != PG_QUERY__NODE__NODE_DEF_ELEM) continue;
    add_mode(modes, options[i]->def_elem->defname, text_of(options[i]->def_elem->arg));
  }
}

sql_access on_transaction(const PgQuery__TransactionStmt& s) {
  const auto ending = [&](kind what) {
    auto found = of_kind(what);
    found.chain = s.chain;
    return found;
  };
  switch (s.kind) {
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_BEGIN:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_START: {
      auto found = of_kind(kind::begin);
      add_modes(found.modes, s.n_options, s.options);
      return found;
    }
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT:
      return ending(kind::commit);
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK:
      return ending(kind::rollback);
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_SAVEPOINT:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_RELEASE:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_TO:
      return of_kind(kind::savepoint, s.savepoint_name);
    default:
      return primary("two-phase commit");
  }
}

sql_access on_set(const PgQuery__VariableSetStmt& s) {
  const std::string_view name = s.name;
  if (s.kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI) {
    if (name == "TRANSACTION SNAPSHOT") return primary("snapshot of another transaction", change::nothing);
    auto found = of_kind(name == "TRANSACTION" ? kind::set_transaction : kind::set_characteristics);
    add_modes(found.modes, s.n_args, s.args);
    return found;
  }
  if (is_transaction_mode(name)) {
    if (s.kind != PG_QUERY__VARIABLE_SET_KIND__VAR_SET_VALUE) return primary("transaction mode reset", change::nothing);
    auto found = of_kind(kind::set_transaction);
    add_mode(found.modes, name, s.n_args == 1 ? text_of(s.args[0]) : std::nullopt);
    return found;
  }
  auto found = of_kind(kind::set, s.name);
  found.local = s.is_local;
  return found;
}

// What a replica has of its own, or all of that.
sql_access on_show(const PgQuery__VariableShowStmt& s) {
  for (const auto* own : {"in_hot_standby", "transaction_read_only", "all"})
    if (same_name(s.name, own)) return primary("a setting of the node", change::nothing);
  return of_kind(kind::show, s.name);
}

sql_access on_copy(const PgQuery__CopyStmt& s) {
  if (s.is_from) {
    auto found = of_kind(kind::read);
    reads all(found);
    all.writes(s.relation, change::rows);
    all.visit(s.where_clause);
    all.finish();
    return primary("copy from", std::move(found));
  }
  if (s.is_program || *s.filename != '\0') return write_of("copy to a file", s.relation, s.query);
  if (s.query && !is_select(s.query)) return write_of("data-modifying statement", s.query);
  return but_fleeting("copy", read_of(kind::read, "", false, s.relation, s.query));
}

sql_access on_declare(const PgQuery__DeclareCursorStmt& s, kind what, bool planned) {
  constexpr int with_hold = 0x0020;  // CURSOR_OPT_HOLD
  auto found = read_of(what, what == kind::cursor ? s.portalname : "", planned, s.query);
  if (s.options & with_hold) return primary("cursor with hold", std::move(found));
  if (!is_select(s.query)) return primary("cursor of no select", std::move(found));
  return found;
}

sql_access on_explain(const PgQuery__ExplainStmt& s) {
  bool analyze = false;  // the last counts
  for (std::size_t i = 0; i < s.n_options; ++i) {
    const auto* node = s.options[i];
    if (node->node_case != PG_QUERY__NODE__NODE_DEF_ELEM) return primary("not known to read only");
    if (!same_name(node->def_elem->defname, "analyze")) continue;
    analyze = !node->def_elem->arg || truth_of(text_of(node->def_elem->arg)).value_or(true);
  }
  switch (s.query ? s.query->node_case : PG_QUERY__NODE__NODE__NOT_SET) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
    case PG_QUERY__NODE__NODE_INSERT_STMT:
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
    case PG_QUERY__NODE__NODE_DELETE_STMT:
    case PG_QUERY__NODE__NODE_MERGE_STMT:
      return but_fleeting("explain", read_of(kind::read, "", !analyze, s.query));
    case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
      return but_fleeting("explain", on_declare(*s.query->declare_cursor_stmt, kind::read, !analyze));
    default:
      return primary("explain of no query");
  }
}

sql_access on_prepare(const PgQuery__PrepareStmt& s) {
  auto found = of_kind(kind::prepare, s.name);
  reads all(found);
  all.visit(s.n_argtypes, s.argtypes);
  all.visit(s.query);
  const auto* reason = all.finish();
  if (!is_select(s.query)) reason = "prepare of no select";
  return reason ? primary(reason, std::move(found)) : std::move(found);
}

sql_access on_execute(const PgQuery__ExecuteStmt& s) {
  auto found = of_kind(kind::execute, s.name);
  reads all(found);
  all.visit(s.n_params, s.params);
  found.changes = change::anything;
  const auto* reason = all.finish();
  return reason ? primary(reason, std::move(found)) : std::move(found);
}

sql_access on_truncate(const PgQuery__TruncateStmt& s) {
  auto found = of_kind(kind::read);
  reads all(found);
  const bool cascades = s.behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
  for (std::size_t i = 0; i < s.n_relations; ++i)
    all.writes(s.relations[i]->range_var, cascades ? change::cascade : change::rows);
  all.finish();
  return primary(not_a_select, std::move(found));
}

sql_access on_refresh(const PgQuery__RefreshMatViewStmt& s) {
  auto found = of_kind(kind::read);
  reads all(found);
  all.writes(s.relation, change::rows);
  all.finish();
  return primary(not_a_select, std::move(found));
}

sql_access on_statement(const PgQuery__Node& node) {
  switch (node.node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
      return read_of(kind::read, "", false, &node);
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
      return on_transaction(*node.transaction_stmt);
    case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
      return on_set(*node.variable_set_stmt);
    case PG_QUERY__NODE__NODE_VARIABLE_SHOW_STMT:
      return on_show(*node.variable_show_stmt);
    case PG_QUERY__NODE__NODE_COPY_STMT:
      return on_copy(*node.copy_stmt);
    case PG_QUERY__NODE__NODE_EXPLAIN_STMT:
      return on_explain(*node.explain_stmt);
    case PG_QUERY__NODE__NODE_PREPARE_STMT:
      return on_prepare(*node.prepare_stmt);
    case PG_QUERY__NODE__NODE_EXECUTE_STMT:
      return on_execute(*node.execute_stmt);
    case PG_QUERY__NODE__NODE_DEALLOCATE_STMT:
      return of_kind(kind::deallocate, node.deallocate_stmt->name);
    case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
      return on_declare(*node.declare_cursor_stmt, kind::cursor, false);
    case PG_QUERY__NODE__NODE_FETCH_STMT:
      return of_kind(kind::cursor, node.fetch_stmt->portalname);
    case PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT:
      return of_kind(kind::cursor, node.close_portal_stmt->portalname);
    case PG_QUERY__NODE__NODE_INSERT_STMT:
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
    case PG_QUERY__NODE__NODE_DELETE_STMT:
    case PG_QUERY__NODE__NODE_MERGE_STMT:
      return write_of(not_a_select, &node);
    case PG_QUERY__NODE__NODE_TRUNCATE_STMT:
      return on_truncate(*node.truncate_stmt);
    case PG_QUERY__NODE__NODE_REFRESH_MAT_VIEW_STMT:
      return on_refresh(*node.refresh_mat_view_stmt);
    case PG_QUERY__NODE__NODE_LOCK_STMT:
    case PG_QUERY__NODE__NODE_LISTEN_STMT:
    case PG_QUERY__NODE__NODE_UNLISTEN_STMT:
    case PG_QUERY__NODE__NODE_NOTIFY_STMT:
    case PG_QUERY__NODE__NODE_VACUUM_STMT:
    case PG_QUERY__NODE__NODE_CHECK_POINT_STMT:
    case PG_QUERY__NODE__NODE_DISCARD_STMT:
    case PG_QUERY__NODE__NODE_CONSTRAINTS_SET_STMT:
      return primary(not_a_select, change::nothing);
    default:
      return primary(not_a_select);
  }
}

// Most that is for the primary says so with its first word, whatever follows.
enum class beginning { query, write, command, other };

beginning first_word_of(std::string_view text) {
  static constexpr std::array<std::string_view, 4> queries = {"select", "with", "values", "table"};
  static constexpr std::array<std::string_view, 4> writes = {"insert", "update", "delete", "merge"};
  static constexpr std::array<std::string_view, 21> commands = {
      "begin", "start",   "commit",  "end",   "rollback", "abort",   "savepoint",  "release", "set",  "reset", "show",
      "copy",  "explain", "prepare", "fetch", "execute",  "declare", "deallocate", "close",   "move", ""};
  const auto word = leading_word(text);
  const auto is = [&](auto w) { return same_name(w, word); };
  if (std::any_of(queries.begin(), queries.end(), is)) return beginning::query;
  if (std::any_of(writes.begin(), writes.end(), is)) return beginning::write;
  return std::any_of(commands.begin(), commands.end(), is) ? beginning::command : beginning::other;
}

}  // namespace

sql_access read_access(const std::string& text) {
  if (text.size() > max_parsed_text) return primary("too large");
  if (text.find('\0') != text.npos) return primary("unparsable");
  if (!may_be_parsed(text)) return primary("nested too deeply");
  const tree parsed(text);
  if (!parsed) return primary("unparsable");
  if (parsed->n_stmts == 0) return but_fleeting("no statement", of_kind(kind::read));
  if (parsed->n_stmts > 1) return primary("several statements");
  const auto* statement = parsed->stmts[0]->stmt;
  return statement ? on_statement(*statement) : primary("unparsable");
}

std::string_view access_reader::key_of(std::string_view text, bool has_template) {
  return has_template && make_sql_template(text, template_) ? std::string_view(template_) : text;
}

void access_reader::learn_write(std::string_view text) {
  static const auto refused = std::make_shared<const sql_access>(primary("a replica has refused it as a write"));
  known_.replace(key_of(text, first_word_of(text) == beginning::query), refused);
}

sql_access_ptr access_reader::access_of(std::string_view text) {
  static const auto no_select = std::make_shared<const sql_access>(primary(not_a_select));
  const auto first = first_word_of(text);
  if (first == beginning::write || first == beginning::other) return no_select;
  return read(text, first == beginning::query);
}

sql_access_ptr access_reader::writes_of(std::string_view text) {
  const auto first = first_word_of(text);
  return read(text, first == beginning::query || first == beginning::write);
}

sql_access_ptr access_reader::read(std::string_view text, bool has_template) {
  static const auto too_large = std::make_shared<const sql_access>(primary("too large"));
  if (text.size() > max_parsed_text) return too_large;
  const auto key = key_of(text, has_template);
  if (const auto* known = known_.find(key)) return *known;
  ++parsed_;
  auto access = std::make_shared<const sql_access>(read_access(std::string(text)));
  known_.put(std::string(key), access, access->bytes());
  return access;
}

}  // namespace forebay
