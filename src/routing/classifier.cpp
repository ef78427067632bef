#include "routing/classifier.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/parameters.hpp"
#include "routing/effects.hpp"
#include "routing/sql_scan.hpp"
#include "routing/syntax.hpp"

namespace forebay {
namespace {

using kind = state_change::kind;

// To a type that leaves the constants of set_config() as they are.
bool is_plain_cast(const PgQuery__TypeCast& cast) {
  const auto* type = cast.type_name;
  if (!type || type->n_names == 0 || type->n_typmods != 0 || type->n_array_bounds != 0) return false;
  const auto* last = type->names[type->n_names - 1];
  const std::string_view name = last->node_case == PG_QUERY__NODE__NODE_STRING ? last->string->sval : "";
  return name == "text" || name == "bool";
}

const PgQuery__AConst* constant(const PgQuery__Node* node) {
  while (node && node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST && is_plain_cast(*node->type_cast))
    node = node->type_cast->arg;
  return node && node->node_case == PG_QUERY__NODE__NODE_A_CONST ? node->a_const : nullptr;
}

std::optional<std::string> text_of(const PgQuery__AConst& c) {
  switch (c.val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
      return std::to_string(c.ival->ival);
    case PG_QUERY__A__CONST__VAL_FVAL:
      return c.fval->fval;
    case PG_QUERY__A__CONST__VAL_SVAL:
      return c.sval->sval;
    default:
      return std::nullopt;
  }
}

// Settings whose elements are identifiers (GUC_LIST_QUOTE in PostgreSQL's guc.c); no extension may define one.
bool is_list_of_names(std::string_view name) {
  static constexpr std::array<std::string_view, 6> all = {"local_preload_libraries",   "search_path",
                                                          "session_preload_libraries", "shared_preload_libraries",
                                                          "temp_tablespaces",          "unix_socket_directories"};
  return std::any_of(all.begin(), all.end(), [&](auto n) { return same_name(n, name); });
}

// As the server writes a name: bare where it can be.
std::string bare_or_quoted(const std::string& name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (!name.empty() && std::all_of(name.begin(), name.end(), plain) && !(name[0] >= '0' && name[0] <= '9')) {
    const tokens read(name);
    if (read && read.size() == 1 &&
        (read[0].keyword_kind == PG_QUERY__KEYWORD_KIND__NO_KEYWORD ||
         read[0].keyword_kind == PG_QUERY__KEYWORD_KIND__UNRESERVED_KEYWORD)) {
      return name;
    }
  }
  return quote_identifier(name);
}

bool cannot_be_replayed(std::string_view name) {
  return same_name(name, "session_authorization") || same_name(name, "seed") ||
         same_name(name, "temp_buffers");  // not once a temporary table was seen
}

class reading {
 public:
  explicit reading(std::string_view text) : text_(text) {}

  void read(const PgQuery__RawStmt& raw, std::uint32_t number) {
    number_ = number;
    const auto* node = raw.stmt;
    if (!node) return;
    if (node->node_case == PG_QUERY__NODE__NODE_VARIABLE_SET_STMT) return on_set(*node->variable_set_stmt);
    if (node->node_case == PG_QUERY__NODE__NODE_TRANSACTION_STMT) return on_transaction(*node->transaction_stmt);
    if (node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT && on_select(*node->select_stmt)) return;
    const auto from = std::min(static_cast<std::size_t>(raw.stmt_location), text_.size());
    const auto own = text_.substr(from, raw.stmt_len == 0 ? text_.npos : static_cast<std::size_t>(raw.stmt_len));
    if (node->node_case == PG_QUERY__NODE__NODE_LISTEN_STMT) return on_listen(node->listen_stmt->conditionname, own);
    if (node->node_case == PG_QUERY__NODE__NODE_UNLISTEN_STMT) return on_unlisten(node->unlisten_stmt->conditionname);
    if (node->node_case == PG_QUERY__NODE__NODE_DISCARD_STMT &&
        node->discard_stmt->target == PG_QUERY__DISCARD_MODE__DISCARD_ALL) {
      change(kind::discard_all, {});
    }
    on_name(*node, own);
    // For all else the words of this statement are good enough.
    found.mask |= scan_effects(own);
  }

  void finish() {
    if (!found.instead.empty()) found.instead.append(text_.substr(copied_));
  }

  sql_effects found;

 private:
  void change(kind what, std::string name, std::string value = {}) {
    found.changes.push_back({what, number_, std::move(name), std::move(value)});
  }

  void on_set(const PgQuery__VariableSetStmt& s) {
    const std::string name = s.name;
    switch (s.kind) {
      case PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL:
        found.mask |= effect::reset_all;
        return change(kind::reset_all, {});
      case PG_QUERY__VARIABLE_SET_KIND__VAR_RESET:
      case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_DEFAULT:
        if (s.is_local || is_transaction_mode(name)) return;
        found.mask |= effect::reset;
        if (!cannot_be_replayed(name)) change(kind::reset, name);
        return;
      case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_VALUE: {
        if (s.is_local || is_transaction_mode(name)) return;
        auto value = value_of(s);
        if (!value || cannot_be_replayed(name)) break;
        return change(kind::set, name, std::move(*value));
      }
      case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI:
        if (name != "SESSION CHARACTERISTICS") return;  // of this transaction
        for (std::size_t i = 0; i < s.n_args; ++i)
          on_characteristic(s.args[i]);
        return;
      default:
        break;
    }
    found.mask |= effect::setting;
  }

  // As the server joins the elements of a list.
  std::optional<std::string> value_of(const PgQuery__VariableSetStmt& s) const {
    if (same_name(s.name, "timezone")) return std::string();  // an interval, maybe; and the server reports it anyway
    std::string all;
    for (std::size_t i = 0; i < s.n_args; ++i) {
      const auto* node = s.args[i];
      const auto one = node->node_case == PG_QUERY__NODE__NODE_A_CONST ? text_of(*node->a_const) : std::nullopt;
      if (!one) return std::nullopt;
      if (i != 0) all += ", ";
      all += is_list_of_names(s.name) ? bare_or_quoted(*one) : *one;
    }
    return all;
  }

  void on_characteristic(const PgQuery__Node* node) {
    const auto* c = node->node_case == PG_QUERY__NODE__NODE_DEF_ELEM ? constant(node->def_elem->arg) : nullptr;
    const auto value = c ? text_of(*c) : std::nullopt;
    if (!value) {
      found.mask |= effect::setting;
      return;
    }
    const bool isolation = same_name(node->def_elem->defname, "transaction_isolation");
    change(kind::set, std::string("default_") + node->def_elem->defname,
           isolation       ? *value
           : *value == "0" ? "off"
                           : "on");
  }

  void on_transaction(const PgQuery__TransactionStmt& s) {
    const auto what = s.kind == PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_SAVEPOINT     ? kind::savepoint
                      : s.kind == PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_RELEASE     ? kind::release
                      : s.kind == PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_TO ? kind::rollback_to
                                                                                          : kind::set;
    if (what == kind::set) return;
    found.mask |= effect::savepoint;
    change(what, s.savepoint_name);
  }

  void on_listen(const char* channel, std::string_view own) {
    change(kind::listen, channel);
    const auto end = static_cast<std::size_t>(own.data() - text_.data());
    found.instead.append(text_.substr(copied_, end - copied_));
    // No client's statement has this text, so the two are never taken for each other.
    found.instead.append(" UNLISTEN ").append(bare_or_quoted(channel)).append(" /* forebay: LISTEN */");
    copied_ = end + own.size();
  }

  void on_name(const PgQuery__Node& node, std::string_view own) {
    const bool explains = node.node_case == PG_QUERY__NODE__NODE_EXPLAIN_STMT &&
                          node.explain_stmt->query->node_case == PG_QUERY__NODE__NODE_EXECUTE_STMT;
    const bool creates = node.node_case == PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT &&
                         node.create_table_as_stmt->query->node_case == PG_QUERY__NODE__NODE_EXECUTE_STMT;
    std::size_t skipped = 0;
    if (explains || creates) {
      const tokens all{std::string(own)};
      for (std::size_t i = 0; all && i < all.size() && skipped == 0; ++i) {
        if (all[i].token == PG_QUERY__TOKEN__EXECUTE) skipped = static_cast<std::size_t>(all[i].start);
      }
    }
    auto command = find_named_command(own.substr(skipped));
    if (!command) return;
    command->at += skipped + static_cast<std::size_t>(own.data() - text_.data());
    command->statement = number_;
    command->within = skipped != 0;
    found.names.push_back(std::move(*command));
  }

  void on_unlisten(std::string_view channel) {
    found.mask |= effect::unlisten;
    change(channel.empty() ? kind::unlisten_all : kind::unlisten, std::string(channel));
  }

  // SELECT set_config('name', 'value', local) and nothing else. False: it is not that.
  bool on_select(const PgQuery__SelectStmt& s) {
    if (s.op != PG_QUERY__SET_OPERATION__SETOP_NONE || s.n_from_clause != 0 || s.where_clause || s.with_clause ||
        s.into_clause || s.limit_count || s.limit_offset || s.having_clause || s.n_group_clause != 0 ||
        s.n_values_lists != 0 || s.n_sort_clause != 0 || s.n_distinct_clause != 0 || s.n_target_list == 0) {
      return false;
    }
    const auto before = found;
    for (std::size_t i = 0; i < s.n_target_list; ++i) {
      const auto* node = s.target_list[i];
      if (node->node_case == PG_QUERY__NODE__NODE_RES_TARGET && on_set_config(node->res_target->val)) continue;
      found = before;
      return false;
    }
    return true;
  }

  bool on_set_config(const PgQuery__Node* node) {
    if (!node || node->node_case != PG_QUERY__NODE__NODE_FUNC_CALL) return false;
    const auto& f = *node->func_call;
    if (f.n_args != 3 || f.n_funcname == 0 || f.n_funcname > 2 || f.agg_filter || f.over) return false;
    const auto part = [&](std::size_t i) -> std::string_view {
      const auto* n = f.funcname[i];
      return n->node_case == PG_QUERY__NODE__NODE_STRING ? n->string->sval : "";
    };
    if (part(f.n_funcname - 1) != "set_config" || (f.n_funcname == 2 && part(0) != "pg_catalog")) return false;
    const auto* name = constant(f.args[0]);
    const auto* value = constant(f.args[1]);
    const auto* local = constant(f.args[2]);
    if (!name || name->val_case != PG_QUERY__A__CONST__VAL_SVAL || !value || !local) return false;
    const bool is_local = local->val_case == PG_QUERY__A__CONST__VAL_BOOLVAL && local->boolval->boolval;
    const bool not_local = local->val_case == PG_QUERY__A__CONST__VAL_BOOLVAL && !local->boolval->boolval;
    const std::string setting = name->sval->sval;
    if (is_local || is_transaction_mode(setting)) return true;
    if (!not_local || cannot_be_replayed(setting)) return false;
    if (value->isnull) {
      found.mask |= effect::reset;
      change(kind::reset, setting);
    } else if (value->val_case == PG_QUERY__A__CONST__VAL_SVAL) {
      change(kind::set, setting, value->sval->sval);
    } else {
      return false;
    }
    return true;
  }

  const std::string_view text_;
  std::size_t copied_ = 0;  // of the text, to `instead`
  std::uint32_t number_ = 0;
};

sql_effects_ptr read(const std::string& text, effect::mask words) {
  if (!may_be_parsed(text)) return classifier::effects_of_words(words);
  const tree statements(text);
  if (!statements) return classifier::effects_of_words(words);
  reading r(text);
  for (std::size_t i = 0; i < statements->n_stmts; ++i)
    r.read(*statements->stmts[i], static_cast<std::uint32_t>(i));
  r.finish();
  if (r.found.mask == effect::none && r.found.changes.empty() && r.found.names.empty()) return nullptr;
  return std::make_shared<const sql_effects>(std::move(r.found));
}

}  // namespace

sql_effects_ptr classifier::effects_of_words(effect::mask words) {
  if (words & (effect::reset | effect::reset_all)) words |= effect::setting;
  if (words & effect::savepoint) words |= effect::unread;
  return std::make_shared<const sql_effects>(sql_effects{words, {}});
}

sql_effects_ptr classifier::effects_of(std::string_view text, effect::mask words) {
  if (const auto* known = known_.find(text)) return *known;
  std::string own(text);
  auto effects = read(own, words);
  if (own.size() <= max_text) known_.put(std::move(own), effects, 0);
  return effects;
}

}  // namespace forebay
