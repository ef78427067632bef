"""The rules by which a result is kept and served (docs/adr/0014). What may be kept and what a write touches is in routing.py."""

from mutation import Mutation

CLOCK, WRITTEN, STORE, SHARD, RESULTS = (f"src/cache/{what}.cpp" for what in ("clock", "written", "store", "store_shard", "result_cache"))
ENTRY = "src/cache/entry.hpp"
SESSION, DESK, REQUEST, END, ROUTE = (f"src/session/{what}.cpp" for what in ("session_cache", "cache_desk", "cache_request", "session_end", "session_route"))
TESTS = "test_cache.py test_consistency.py"

FUNCTIONS, RULES, ACCESS = (f"src/routing/{what}.cpp" for what in ("cache_functions", "cache_rules", "access"))

MUTATIONS = [Mutation(*m, tests=TESTS) for m in (
    # ---- what is served
    ("an entry is checked", ENTRY, "      if (!each->holds(fence)) return false;", "      if (!each) return false;"),
    ("an entry ends", STORE, "  if (now < known->entry->until && known->entry->holds()) {", "  if (known->entry->holds()) {"),
    ("the whole key is compared", STORE, "  if (!known || known->entry->key != key.bytes) return nullptr;", "  if (!known) return nullptr;"),
    ("nothing in a transaction", "src/session/session.cpp", "if (server_->state.tracker.idle() && ask_cache(p, rest) == cached::yes) return true;",
     "if (server_->state.tracker.settled() && ask_cache(p, rest) == cached::yes) return true;"),
    ("nothing in session mode", SESSION, '  if (!state_.renames()) return "session mode";\n', ""),
    ("in its turn", SESSION, "if (!desk || tracker.settled() || tracker.unsynced() || tracker.status() != 'I') return false;", "if (true) return false;\n  if (!desk) return false;"),
    ("a hit is the unnamed statement from then on", SESSION, "  if (request.parses) {\n    auto reading", "  if (false) {\n    auto reading"),
    ("hits have back-pressure", SESSION, "  if (home_.to_client.size() + client_.backlog_size() >= max_client_backlog)", "  if (home_.to_client.size() + 1 == 0)"),
    # ---- the key
    ("the settings are in the key", DESK, "      add_key_field(found.key, e.value);\n", ""),
    ("the user is in the key", DESK, "for (const auto* field : {&at.cluster, &at.database, &at.login, &at.user})", "for (const auto* field : {&at.cluster, &at.database})"),
    ("the parameters are in the key", REQUEST, "{scope, statement, types, arguments})", "{scope, statement, types})"),
    ("the types are in the key", REQUEST, "{scope, statement, types, arguments})", "{scope, statement, arguments})"),
    ("the shape is in the key", REQUEST, "out.assign(1, simple ? 'Q' : describes ? 'D' : 'E');", "out.assign(1, 'Q');"),
    ("what hints ask for is in the key", SESSION, "  add_key_field(desk->scratch, asked.terms);\n", ""),
    # ---- what is kept
    ("the fence is taken before", SESSION, "fresh->fence = fill->fence;", "fresh->fence = cache_clock::now();"),
    ("only rows are kept", REQUEST, "  if (idle && order == wanted) found.bytes = kept;", "  if (idle) found.bytes = kept;"),
    ("clock words", SESSION, '  if (has_clock_words(request->text) || has_clock_words(request->arguments)) return bypass("a word like now or today");\n', ""),
    ("a replica that is behind", SESSION, "  if (of_replica && !std::ranges::all_of(fill.verdict.depends, has_all)) return cache_->filling.reset();\n", "  (void)of_replica, (void)has_all;\n"),
    ("nothing by old catalogs", DESK, 'if (!rules || is_outdated(*rules)) return refused(', "if (!rules) return refused("),
    ("no row limit", REQUEST, "m->portal.empty() && m->max_rows == 0;", "m->portal.empty();"),
    # ---- what is written
    ("a write is told of", WRITTEN, "    each->wrote(ticket);\n", "    (void)ticket;\n"),
    ("what is under way is pending", WRITTEN, "  begun_ = true;\n  for (auto* each : clocks_)\n    each->begins();", "  begun_ = true;\n  for (auto* each : clocks_)\n    (void)each;"),
    ("a commit is", DESK, "    case kind::commit:\n      return {.seen = when::at_once};", "    case kind::commit:\n      return {.seen = when::never};"),
    ("what is not understood may be anything", DESK, "    found.clocks = {found.doubted ? &clocks_.doubted() : &clocks_.all()};\n", ""),
    ("EXECUTE of what SQL prepared may be anything", SESSION, "add_writes(*inner, within) : note_unknown_write(desk);", "add_writes(*inner, within) : void();"),
    ("a portal outlives its batch", SESSION, "  if (p.type == wire::execute::type && cache_->at_once) cache_->written.begin();\n", ""),
    ("an extended write is", SESSION, "    if (s) return note_writes_of(*desk, s->query, within);\n", "    if (s) return;\n"),
    ("told before the client is", SESSION, "error_code session::write_to_client() {\n  acknowledge_writes();\n", "error_code session::write_to_client() {\n"),
    ("what was judged before a DDL", SESSION, "if (ended && desk->clocks().schema_changed_at() >= c.noted_at) c.written.add(desk->clocks().all());", "(void)ended;"),
    ("what is under way when it is switched on", SESSION, "  if (!cache_) cache_ = std::make_unique<caching_state>();\n  note_unknown_write(*desk);\n", "  (void)desk;\n"),
    ("a tag is a clock", DESK, "    made.depends.push_back(&all_.clock_of_tag(tag));\n", "    (void)tag;\n"),
    # ---- flights
    ("one miss asks", SESSION, "  if (found.flight && !found.ours && wait_for_flight(*found.flight)) return cached::later;\n", ""),
    ("a flight that is given up ends", END, "  if (cache_ && cache_->filling && cache_->filling->sent) cache_->filling.reset();  // others wait for it\n", ""),
    ("what is too large is not waited for", SESSION, "if (auto* desk = to_->caching()) desk->store().keep_apart(cache_key::of(fill.key), home_.on.now());", ""),
)]

# What breaks a promise so that the checker must notice: the kind that does.
PROMISES = [Mutation(*m, kind=kind) for kind, *m in (
    ("oracle", "the search path is in the key", DESK, "    } else if (!is_neutral(e.name)) {", '    } else if (!is_neutral(e.name) && !same_name(e.name, "search_path")) {'),
    ("oracle", "the time zone is in the key", DESK, "    } else if (!is_neutral(e.name)) {", '    } else if (!is_neutral(e.name) && !same_name(e.name, "TimeZone")) {'),
    ("oracle", "the role is looked at", DESK, '      found.reason = "in another role";\n', "      continue;\n"),
    ("oracle", "the login is in the key", DESK, "for (const auto* field : {&at.cluster, &at.database, &at.login, &at.user})", "for (const auto* field : {&at.cluster, &at.database})"),
    ("oracle", "the formats are in the key", REQUEST, "    found_.arguments = m->rest;\n", "    found_.arguments = m->rest.substr(0, m->rest.size() < 4 ? 0 : 4);\n"),
    ("oracle", "notices are not switched off for all", DESK, '      "application_name",\n', '      "client_min_messages",\n'),
    ("oracle", "constants are those of their settings", SESSION, "s && s->reading != reading_of(s->query, *state_.settings.wanted))", "s && s->reading.size() == 1)"),
    ("register", "no hit in a transaction that writes", "src/session/session.cpp", "if (server_->state.tracker.idle() && ask_cache(p, rest) == cached::yes) return true;",
     "if (server_->state.tracker.settled() && ask_cache(p, rest) == cached::yes) return true;"),
    ("register", "a flight's result is checked by who waited", ENTRY, "      if (!each->holds(fence)) return false;", "      if (!each->holds(fence) && steady::now() - made > std::chrono::milliseconds(50)) return false;"),
    ("register", "what was read before a write is not served behind it", SESSION, "fresh->fence = fill->fence;", "fresh->fence = cache_clock::now();"),
    ("register", "a write is told of before its client is", SESSION, "error_code session::write_to_client() {\n  acknowledge_writes();\n", "error_code session::write_to_client() {\n"),
    ("writes", "TRUNCATE writes", ACCESS, "    all.writes(s.relations[i]->range_var, cascades ? change::cascade : change::rows);\n", "    (void)cascades;\n"),
    ("writes", "partitions belong to their table", RULES, "    if (u.user_kind != 'r' || u.used_kind != 'r') continue;\n", "    if (u.user_kind != 'r' || u.used_kind != 'r' || !views.contains(u.user)) continue;\n"),
    ("writes", "foreign keys cascade", RULES, "      if (key->cascades || access.changes == change::cascade) reach(key->by, true);\n", "      (void)key;\n"),
    ("writes", "triggers may write anything", RULES, '  if (r.acts) return "triggers or rules";\n', ""),
    ("writes", "what is not understood may be anything", DESK, "    found.clocks = {found.doubted ? &clocks_.doubted() : &clocks_.all()};\n", ""),
    ("functions", "words of clocks", SESSION, '  if (has_clock_words(request->text) || has_clock_words(request->arguments)) return bypass("a word like now or today");\n', ""),
    ("functions", "the list of functions by settings", FUNCTIONS, '    "date",\n', '    "age",\n    "now",\n    "date",\n'),
    ("functions", "times of day at a zone", RULES, "    if (auto refused = times_.of(access)) return refused;\n", "    (void)zoned;\n"),
    ("functions", "times with a zone", FUNCTIONS, '  return name.find("timetz") != name.npos;\n', "  return name.empty();\n"),
)]
