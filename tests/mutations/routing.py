"""The rules by which a request goes to one node and not to another. The tests are to notice each one that is removed or turned round."""

from mutation import Mutation

ACCESS, READS, RULES, CATALOG = (f"src/routing/{what}.cpp" for what in ("access", "reads", "read_rules", "catalog"))
FUNCTIONS, ROUTER, BALANCER = (f"src/routing/{what}.cpp" for what in ("primary_functions", "router", "balancer"))
EWMA, BREAKER, HEALTH, VERDICT = (f"src/routing/{what}.cpp" for what in ("peak_ewma", "breaker", "health", "health_verdict"))
WATCHED, WATCH, HISTORY = "src/routing/watched_cluster.cpp", "src/routing/catalog_watch.cpp", "src/routing/position_history.hpp"
JUDGE, DESTINATION, ROUTE = (f"src/session/{what}.cpp" for what in ("read_judge", "destination", "session_route"))

MUTATIONS = [Mutation(*m) for m in (
    # ---- what a text reads
    ("a WITH that writes is a write", READS, 'if (!r.planned_) r.refuse("data-modifying statement");', "(void)r;"),
    ("FOR UPDATE is a write", READS, 'if (!r.planned_) r.refuse("for update or share");', "(void)r;"),
    ("what the grammar has and the list has not is a write", READS, 'if (found == known().end()) return refuse("not known to read only");', "if (found == known().end()) return visit_fields(message);"),
    ("a function is called", READS, "r.found_.functions.push_back(name_of(f.n_funcname, f.funcname));", "(void)r;\n    (void)f;"),
    ("a table may have the name of a WITH", READS, "found_.cte_or_relations.assign(by_cte, relations.end());", ""),
    ("EXPLAIN ANALYZE runs what it explains", ACCESS, 'return read_of(kind::read, "", !analyze, s.query);', 'return read_of(kind::read, "", true, s.query);'),
    ("a mode that is not understood may write", ACCESS, "modes.read_only = truth_of(value).value_or(false);", "modes.read_only = truth_of(value).value_or(true);"),
    ("what a replica has refused as a write is one", ACCESS, "known_.replace(key_of(text, first_word_of(text) == beginning::query), refused);", "(void)key_of(text, true);"),
    # ---- what the catalogs say of what is read
    ("a volatile function is the primary's", RULES, "f.volatility == 'v' ? \"volatile function\" : nullptr;", "nullptr;"),
    ("some functions of the system are the primary's", RULES, 'f.schema == "pg_catalog" ? why_primary_function(f.name) : nullptr;', "static_cast<const char*>(nullptr);"),
    ("an unlogged relation is the primary's", RULES, "if (r.persistence == 'u') return \"unlogged relation\";", ""),
    ("the catalogs are the primary's", RULES, '&& is_catalog_for_drivers(r.name))) return "system catalog";', ')) return nullptr;'),
    ("a view is what it reads", RULES, "if (!free_.contains(user) && refused_.emplace(user, why).second) fresh_.push_back(user);", "(void)user, (void)why;"),
    ("a function that is not known is the primary's", RULES, '"unknown function"', "nullptr"),
    ("a relation that is not known is the primary's", RULES, '"unknown relation"', "nullptr"),
    ("any query compares", RULES, "  return comparisons_;\n", "  return std::nullopt;\n"),
    ("write_functions are the primary's", RULES, 'if (matches_any(lists.write, f.schema, f.name)) return "in write_functions";', "(void)lists;"),
    ("read_functions are read on replicas", RULES, "if (matches_any(lists.read, f.schema, f.name)) {", "if (false) {"),
    ("current_setting() is the primary's", FUNCTIONS, '    {"current_setting", node},', "    //"),
    ("the policies of a table count", CATALOG, "where polcmd in ('r', '*') and polqual is not null", "where false", "test_read_rules.py"),
    ("a catalog that changes is read anew", WATCH, "if (new_fingerprint_ != fingerprint_) return ask(step::begin);", "if (fingerprint_.empty()) return ask(step::begin);", "test_retries.py -k volatile_since"),
    # ---- what a session asks for
    ("a hint says where", JUDGE, "!hint.empty()) side = side_of(hint);", "!hint.empty()) (void)side_of(hint);"),
    ("forebay.route = primary", JUDGE, 'if (side == route_settings::side::primary) return primary(by_hint ? "asked for by hint" : "forebay.route");', "(void)by_hint;"),
    ("a serializable read is the primary's", JUDGE, 'return serializable && !in_transaction_ ? primary("serializable") : verdict{kind::read};', "return {kind::read};"),
    ("a serializable transaction is the primary's", JUDGE, '      if (serializable) return primary("serializable");\n', ""),
    ("a transaction that may write is the primary's", JUDGE, "if (!access.modes.read_only.value_or(wants_.read_only || on_replica))", "if (!access.modes.read_only.value_or(true))"),
    ("all of a batch counts", JUDGE, "if (auto refused = add(**next)) return std::move(*refused);", "(void)add(**next);"),
    ("a batch without its Sync is the primary's", JUDGE, 'if (!next || !*next || !(*next)->first) return primary("a batch whose Sync has not come yet");', "if (!next || !*next || !(*next)->first) break;"),
    ("a statement that is known to read may be asked for elsewhere", JUDGE, "if (wants_.plain && known_.contains(s, rules_)) {", "if (known_.contains(s, rules_)) {"),
    ("EXECUTE is what it executes", JUDGE, 'if (inner->what != what::read) return primary("executes what is no read");', ""),
    ("a savepoint ties a transaction to its replica", JUDGE, "    case what::cursor:\n      ties_ = true;\n", "    case what::cursor:\n"),
    ("one snapshot ties a transaction to its replica", JUDGE, "      one_snapshot_ = access.modes.isolation.value_or(wants_.isolation) == level::repeatable_read;\n", ""),
    # ---- which replica is fit
    ("a node that is down is not used", ROUTER, 'if (!node.up) return "no replica is up";', ""),
    ("a drained node is not used", ROUTER, 'if (node.draining) return "the replicas are drained";', ""),
    ("a node whose breaker is open is not used", ROUTER, 'if (!node.state->reads.is_available(now)) return "the replicas\' breakers are open";', "(void)now;"),
    ("max_replay_lag", ROUTER, "*node.replay_lag > how_.max_replay_lag)", "false)"),
    ("an own write is waited for", ROUTER, "wish.own_write_open || node.position < wish.needed) return", "wish.own_write_open) return"),
    ("an own write is open until it is known how far it is", ROUTER, "if (wish.own_write_open || node.position < wish.needed) return", "if (node.position < wish.needed) return"),
    ("read_your_writes = off", ROUTER, "if (how_.read_your_writes == config::read_your_writes::off) return nullptr;", ""),
    ("an own write is read on the primary, whatever fallback_to_primary says", ROUTER, "(how_.fallback_to_primary || own_write)", "how_.fallback_to_primary"),
    ("fallback_to_primary", ROUTER, "(how_.fallback_to_primary || own_write)", "(how_.fallback_to_primary || own_write || *reason)"),
    ("a node that has failed the request is not asked again", ROUTER, 'avoided(wish, i) ? "the replicas have failed" : ', ""),
    # ---- which of the fit ones
    ("round_robin: whose turn it is", BALANCER, "turns_[i].owed - turns_[best].owed;", "turns_[best].owed - turns_[i].owed;"),
    ("round_robin: weights do not count", BALANCER, "strategy_ == round_robin ? 1 : std::max(c.weight, 1U);", "std::max(c.weight, 1U);"),
    ("weighted: weights count", BALANCER, "strategy_ == round_robin ? 1 : std::max(c.weight, 1U);", "strategy_ == round_robin || strategy_ == weighted ? 1 : std::max(c.weight, 1U);"),
    ("random: by lot", BALANCER, "auto lot = random.below(whole);", "auto lot = whole - 1 - random.below(1);"),
    ("random: weights count", BALANCER, "return share(all[i], now); });", "return grown(all[i], now); });"),
    ("least_connections: fewest", BALANCER, "one.in_flight < other.in_flight) best = i;", "one.in_flight > other.in_flight) best = i;"),
    ("latency: the quicker one", BALANCER, "quicker(one, other, now)", "quicker(other, one, now)"),
    ("latency: a slower answer counts at once", EWMA, "peak_ = seen > peak_ ? seen : peak_ * old", "peak_ = peak_ * old"),
    ("weight 0 is the last resort", BALANCER, "(c.weight == 0 ? 1ULL << 33 : 0) | ", ""),
    ("priority", BALANCER, "(std::uint64_t{c.priority} << 1)", "(std::uint64_t{~c.priority} << 1)"),
    ("the own zone", BALANCER, "(c.own_zone ? 0 : 1)", "(c.own_zone ? 1 : 0)"),
    ("slow start", BALANCER, "if (age >= slow_start_ || ", "if (age == age || "),
    # ---- breakers
    ("a breaker opens", BREAKER, "if (limits_.failure_threshold > 0 && in_a_row", "if (false && in_a_row"),
    ("a breaker is tried again", BREAKER, "if (current() == state::open && now >= status_.until) enter(state::half_open, now);", ""),
    ("a probe that fails opens the breaker", BREAKER, '    open(now, "still failing when tried again: " + std::string(why), random);\n', ""),
    ("a breaker lets few probes through", BREAKER, "return probes_ < limits_.half_open_probes || now", "return now == now || now"),
    # ---- what the nodes are
    ("a node is down after so many failures", HEALTH, "if (++n.bad >= limits_.fall) n.here", "if (++n.bad > limits_.fall) n.here"),
    ("a node is up after so many answers", HEALTH, "++n.good >= limits_.rise)", "++n.good > 0)"),
    ("a suspicion counts", HEALTH, "if (n.bad + 1 < limits_.fall) ++n.bad;", "n.bad += 0;"),
    ("a node of another cluster is refused", VERDICT, "  if (n.last->system != system_)\n", "  if (n.last->system.empty())\n"),
    ("a primary that was replaced does not come back", VERDICT, "if (n.last->timeline < timeline_ || n.last->timeline <= n.outvoted) continue;", ""),
    ("of two primaries the higher timeline", VERDICT, "if (!best.empty() && nodes_[best[0]].last->timeline < n.last->timeline) best.clear();", ""),
    ("of two equal primaries none", VERDICT, "if (best.size() == 1) return best[0];", "if (!best.empty()) return best[0];"),
    ("split brain is told", VERDICT, "  if (n.outvoted >= n.last->timeline || n.last->timeline < timeline_)\n", '  if (timeline_ != 0) return "";\n  if (n.outvoted >= n.last->timeline || n.last->timeline < timeline_)\n'),
    ("a replica is on the primary's line", VERDICT, "return n.follows == timeline_ || (!known && !there_was_another_);", "return true;"),
    ("a lag lasts since the primary was where the replica is", HISTORY, "return seen_.back().last - each->last;", "return steady::duration::zero();"),
    ("an idle primary makes no lag", HISTORY, "      seen_.back().last = when;\n", ""),
    ("a node that does not answer in time has failed", WATCHED, "if (now >= p.begun + limits_.timeout)\n", "if (now == p.begun + 100 * limits_.timeout)\n"),
    ("a node that is suspected is asked at once", WATCHED, "  look_again(nodes_[*found], now);\n", ""),
    ("a node that is doubted is asked soon", WATCHED, "  p.due = std::min(p.due, std::max(now, p.begun + between_doubts));\n", "  (void)p;\n  (void)now;\n"),
    # ---- where it then goes, and what comes back
    ("a write is noted", ROUTE, "  route_->ticket = view->writes->take_ticket(first);\n", "", "test_own_writes.py"),
    ("a write is open until its ticket is covered", ROUTE, "view && view->covered >= r.ticket)", "view)", "test_own_writes.py"),
    ("forebay.read_after", ROUTE, "std::max(r.written, to_->settings_of(state_.settings.wanted).read_after);", "r.written;", "test_own_writes.py"),
    ("a transaction that has only read goes on on the primary", ROUTE, "const bool may_go = tracker.status() == 'I' ?", "const bool may_go = tracker.status() == 'T' ? false : tracker.status() == 'I' ?", "test_routes.py -k a_session"),
    ("a transaction that is tied stays", ROUTE, ": !route_->begin.empty();", ": true;", "test_routes.py -k a_session"),
    ("what is begun on a replica is begun on the primary", ROUTE, "route_->resume = std::exchange(route_->begin, {});", "route_->begin.clear();", "test_routes.py -k a_session"),
    ("a replica's 25006 is asked again", ROUTE, 'if (state != "25006" && ', 'if (', "test_retries.py"),
    ("a replica's 0A000 is asked again", ROUTE, '&& state != "0A000" ', "", "test_retries.py"),
    ("what a replica refuses is learned", ROUTE, '  if (state == "25006") learn_write();\n', "", "test_retries.py"),
    ("a name is given once, though it is asked again", ROUTE, "  take_names_back();\n  auto", "  auto", "test_retries.py"),
    ("the latency of a replica is measured", ROUTE, "  cluster.latencies[route_->node].observe(home_.on.now(), home_.on.now() - request_at_);\n", "", "test_balance.py"),
    ("in session mode nothing is routed", ROUTE, " && state_.mode != config::pool_mode::session && to_->splits();", " && to_->splits();", "test_balance.py -k session_mode"),
)]
