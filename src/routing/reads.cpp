#include "routing/reads.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "routing/clock_words.hpp"

namespace forebay {
namespace {

std::string_view string_of(const PgQuery__Node* node) {
  return node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : "";
}

// The last two parts of a name; what may stand before them is the database.
sql_name name_of(std::size_t parts, PgQuery__Node* const* names) {
  if (parts == 0) return {};
  return {parts > 1 ? std::string(string_of(names[parts - 2])) : std::string(),
          std::string(string_of(names[parts - 1]))};
}

template <class T>
void sort_once(std::vector<T>& all) {
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  all.shrink_to_fit();
}

}  // namespace

struct reads::handlers {
  // f(x) is a cast if f is a type.
  static void function(reads& r, const PgQuery__FuncCall& f) {
    r.found_.functions.push_back(name_of(f.n_funcname, f.funcname));
    if (f.n_args == 1 && !is_given(f.args[0]) && reads_clock_as_text(string_of(f.funcname[f.n_funcname - 1])))
      r.found_.conversions.push_back(r.found_.functions.back());
  }

  static void relation(reads& r, const PgQuery__RangeVar& v) {
    r.found_.relations.push_back({v.schemaname, v.relname});
  }

  static void type(reads& r, const PgQuery__TypeName& t) { r.found_.types.push_back(name_of(t.n_names, t.names)); }

  static void cast(reads& r, const PgQuery__TypeCast& c) {
    if (!is_given(c.arg)) r.found_.conversions.push_back(name_of(c.type_name->n_names, c.type_name->names));
  }

  // A text that is here for all to see, or comes with Bind.
  static bool is_given(const PgQuery__Node* node) {
    return node &&
           (node->node_case == PG_QUERY__NODE__NODE_A_CONST || node->node_case == PG_QUERY__NODE__NODE_PARAM_REF);
  }

  // The six that compare are asked for with every query (read_rules), so IN, BETWEEN and NULLIF need no more.
  static void expression(reads& r, const PgQuery__AExpr& e) {
    if (e.kind < PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN) r.found_.operators.push_back(name_of(e.n_name, e.name));
  }

  static void sublink(reads& r, const PgQuery__SubLink& s) {
    if (s.n_oper_name > 0) r.found_.operators.push_back(name_of(s.n_oper_name, s.oper_name));
  }

  static void sort(reads& r, const PgQuery__SortBy& s) {
    if (s.n_use_op > 0) r.found_.operators.push_back(name_of(s.n_use_op, s.use_op));
  }

  // t.x is x(t) where the rows of t have no column x. A bare x is never a call.
  static void column(reads& r, const PgQuery__ColumnRef& c) {
    if (c.n_fields > 1) attribute(r, c.fields[c.n_fields - 1]);
    if (c.n_fields > 0) system_column(r, c.fields[c.n_fields - 1]);
  }

  static void indirection(reads& r, const PgQuery__AIndirection& i) {
    for (std::size_t n = 0; n < i.n_indirection; ++n)
      attribute(r, i.indirection[n]);
  }

  static void attribute(reads& r, const PgQuery__Node* field) {
    if (field->node_case != PG_QUERY__NODE__NODE_STRING) return;
    r.found_.attributes.emplace_back(field->string->sval);
    system_column(r, field);
  }

  static void system_column(reads& r, const PgQuery__Node* field) {
    static constexpr std::array<std::string_view, 6> all = {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"};
    if (std::find(all.begin(), all.end(), string_of(field)) != all.end()) r.fleeting("system column");
  }

  // Who and where is part of what a result is found by, when is not.
  static void value(reads& r, const PgQuery__SQLValueFunction& f) {
    if (f.op < PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_ROLE) r.fleeting("the time");
  }

  // Turns whatever it finds into the types of its columns.
  static void xml_table(reads& r, const PgQuery__RangeTableFunc&) { r.fleeting("xmltable"); }

  static void with_query(reads& r, const PgQuery__CommonTableExpr& c) { r.ctes_.emplace_back(c.ctename); }

  static void into(reads& r, const PgQuery__IntoClause&) {
    r.refuse("into");
    r.changes(sql_access::change::anything);
  }

  static void locking(reads& r, const PgQuery__LockingClause&) {
    if (!r.planned_) r.refuse("for update or share");
  }

  static void insert(reads& r, const PgQuery__InsertStmt& s) {
    using on_conflict = PgQuery__OnConflictAction;
    constexpr on_conflict update = PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_UPDATE;
    const bool updates = s.on_conflict_clause && s.on_conflict_clause->action == update;
    writing(r, s.relation, updates ? sql_access::change::keys : sql_access::change::rows);
  }

  template <class Message>
  static void change(reads& r, const Message& s) {
    writing(r, s.relation, sql_access::change::keys);
  }

  static void writing(reads& r, const PgQuery__RangeVar* relation, sql_access::change how) {
    if (r.planned_) return;
    r.refuse("data-modifying statement");
    r.writes(relation, how);
  }

  static void current_of(reads& r, const PgQuery__CurrentOfExpr&) { r.refuse("not known to read only"); }

  // Its name is no function's that the query calls; other methods are functions of an extension.
  static void sample(reads& r, const PgQuery__RangeTableSample& s) {
    r.fleeting("tablesample");
    const auto method = name_of(s.n_method, s.method);
    if (method.name != "system" && method.name != "bernoulli") r.refuse("sampling method of an extension");
  }
};

namespace {

using handler = void (*)(reads&, const ProtobufCMessage*);

template <class Message, void (*handle)(reads&, const Message&)>
void handle_as(reads& r, const ProtobufCMessage* message) {
  handle(r, *reinterpret_cast<const Message*>(message));
}

void only_descend(reads&, const ProtobufCMessage*) {}

using known_messages = std::unordered_map<const ProtobufCMessageDescriptor*, handler>;

const known_messages& known() {
  using h = reads::handlers;
  static const known_messages all = {
      {&pg_query__func_call__descriptor, handle_as<PgQuery__FuncCall, h::function>},
      {&pg_query__range_var__descriptor, handle_as<PgQuery__RangeVar, h::relation>},
      {&pg_query__type_name__descriptor, handle_as<PgQuery__TypeName, h::type>},
      {&pg_query__a__expr__descriptor, handle_as<PgQuery__AExpr, h::expression>},
      {&pg_query__sub_link__descriptor, handle_as<PgQuery__SubLink, h::sublink>},
      {&pg_query__sort_by__descriptor, handle_as<PgQuery__SortBy, h::sort>},
      {&pg_query__column_ref__descriptor, handle_as<PgQuery__ColumnRef, h::column>},
      {&pg_query__a__indirection__descriptor, handle_as<PgQuery__AIndirection, h::indirection>},
      {&pg_query__common_table_expr__descriptor, handle_as<PgQuery__CommonTableExpr, h::with_query>},
      {&pg_query__range_table_sample__descriptor, handle_as<PgQuery__RangeTableSample, h::sample>},
      {&pg_query__into_clause__descriptor, handle_as<PgQuery__IntoClause, h::into>},
      {&pg_query__locking_clause__descriptor, handle_as<PgQuery__LockingClause, h::locking>},
      {&pg_query__type_cast__descriptor, handle_as<PgQuery__TypeCast, h::cast>},
      {&pg_query__sqlvalue_function__descriptor, handle_as<PgQuery__SQLValueFunction, h::value>},
      {&pg_query__range_table_func__descriptor, handle_as<PgQuery__RangeTableFunc, h::xml_table>},
      {&pg_query__insert_stmt__descriptor, handle_as<PgQuery__InsertStmt, h::insert>},
      {&pg_query__update_stmt__descriptor, handle_as<PgQuery__UpdateStmt, h::change>},
      {&pg_query__delete_stmt__descriptor, handle_as<PgQuery__DeleteStmt, h::change>},
      {&pg_query__merge_stmt__descriptor, handle_as<PgQuery__MergeStmt, h::change>},
      {&pg_query__current_of_expr__descriptor, handle_as<PgQuery__CurrentOfExpr, h::current_of>},
      // Only within those that write.
      {&pg_query__on_conflict_clause__descriptor, only_descend},
      {&pg_query__infer_clause__descriptor, only_descend},
      {&pg_query__index_elem__descriptor, only_descend},
      {&pg_query__merge_when_clause__descriptor, only_descend},
      {&pg_query__multi_assign_ref__descriptor, only_descend},
      {&pg_query__set_to_default__descriptor, only_descend},
      // Of queries.
      {&pg_query__node__descriptor, only_descend},
      {&pg_query__list__descriptor, only_descend},
      {&pg_query__select_stmt__descriptor, only_descend},
      {&pg_query__with_clause__descriptor, only_descend},
      {&pg_query__ctesearch_clause__descriptor, only_descend},
      {&pg_query__ctecycle_clause__descriptor, only_descend},
      {&pg_query__alias__descriptor, only_descend},
      {&pg_query__res_target__descriptor, only_descend},
      {&pg_query__join_expr__descriptor, only_descend},
      {&pg_query__range_subselect__descriptor, only_descend},
      {&pg_query__range_function__descriptor, only_descend},
      {&pg_query__range_table_func_col__descriptor, only_descend},
      {&pg_query__column_def__descriptor, only_descend},
      {&pg_query__window_def__descriptor, only_descend},
      {&pg_query__grouping_set__descriptor, only_descend},
      // Of expressions.
      {&pg_query__a__const__descriptor, only_descend},
      {&pg_query__integer__descriptor, only_descend},
      {&pg_query__float__descriptor, only_descend},
      {&pg_query__boolean__descriptor, only_descend},
      {&pg_query__string__descriptor, only_descend},
      {&pg_query__bit_string__descriptor, only_descend},
      {&pg_query__a__star__descriptor, only_descend},
      {&pg_query__a__indices__descriptor, only_descend},
      {&pg_query__a__array_expr__descriptor, only_descend},
      {&pg_query__param_ref__descriptor, only_descend},
      {&pg_query__collate_clause__descriptor, only_descend},
      {&pg_query__named_arg_expr__descriptor, only_descend},
      {&pg_query__row_expr__descriptor, only_descend},
      {&pg_query__bool_expr__descriptor, only_descend},
      {&pg_query__boolean_test__descriptor, only_descend},
      {&pg_query__null_test__descriptor, only_descend},
      {&pg_query__case_expr__descriptor, only_descend},
      {&pg_query__case_when__descriptor, only_descend},
      {&pg_query__coalesce_expr__descriptor, only_descend},
      {&pg_query__min_max_expr__descriptor, only_descend},
      {&pg_query__grouping_func__descriptor, only_descend},
      {&pg_query__xml_expr__descriptor, only_descend},
      {&pg_query__xml_serialize__descriptor, only_descend},
  };
  return all;
}

}  // namespace

void reads::visit(const ProtobufCMessage* message) {
  if (!message) return;
  const auto found = known().find(message->descriptor);
  if (found == known().end()) {
    changes(sql_access::change::anything);
    return refuse("not known to read only");
  }
  found->second(*this, message);
  visit_fields(message);
}

// By the descriptor, as protobuf-c's own code walks a message when it packs one.
void reads::visit_fields(const ProtobufCMessage* message) {
  const auto* bytes = reinterpret_cast<const char*>(message);
  for (unsigned i = 0; i < message->descriptor->n_fields; ++i) {
    const auto& field = message->descriptor->fields[i];
    if (field.type != PROTOBUF_C_TYPE_MESSAGE) continue;
    const auto* at = bytes + field.offset;
    const auto quantifier = [&](auto type) {
      return *reinterpret_cast<const decltype(type)*>(bytes + field.quantifier_offset);
    };
    if (field.label == PROTOBUF_C_LABEL_REPEATED) {
      visit(quantifier(std::size_t{}), *reinterpret_cast<ProtobufCMessage* const* const*>(at));
    } else if (!(field.flags & PROTOBUF_C_FIELD_FLAG_ONEOF) || quantifier(std::uint32_t{}) == field.id) {
      visit(*reinterpret_cast<const ProtobufCMessage* const*>(at));
    }
  }
}

void reads::writes(const PgQuery__RangeVar* relation, sql_access::change how) {
  changes(relation ? how : sql_access::change::anything);
  if (relation) found_.written.push_back({relation->schemaname, relation->relname});
}

const char* reads::finish() {
  sort_once(ctes_);
  auto& relations = found_.relations;
  const auto by_cte = std::stable_partition(relations.begin(), relations.end(), [&](const auto& r) {
    return !r.schema.empty() || !std::binary_search(ctes_.begin(), ctes_.end(), r.name);
  });
  found_.cte_or_relations.assign(by_cte, relations.end());
  relations.erase(by_cte, relations.end());
  for (auto* names : {&found_.functions, &relations, &found_.cte_or_relations, &found_.operators, &found_.types,
                      &found_.conversions, &found_.written})
    sort_once(*names);
  sort_once(found_.attributes);
  return refused_;
}

}  // namespace forebay
