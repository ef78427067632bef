#include "admin/functions.hpp"
#include "admin/gather_shards.hpp"
#include "core/log.hpp"
#include "session/cache_request.hpp"

// The result cache.
namespace forebay::admin {
namespace {

constexpr std::size_t entries_shown = 100;
constexpr std::size_t longest_text = 500;

std::int64_t milliseconds(steady::duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

row entry_row(const result_store::listed& each, steady::time_point now) {
  const auto& e = *each.entry;
  const auto what = cache_request::describe(e.key);
  return {std::string(what.database),
          std::string(what.user),
          std::string(what.text.substr(0, longest_text)),
          number(e.bytes()),
          number(e.rows),
          number(each.hits),
          number(e.cost.count()),
          number(milliseconds(now - e.made)),
          number(std::max<std::int64_t>(0, milliseconds(e.until - now))),
          number(e.depends.size() - 2),
          std::string(e.holds() && now < e.until ? "yes" : "no")};
}

std::string joined(const statement_tokens& tokens, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < tokens.size(); ++i)
    text += tokens[i].text;
  return text;
}

// All relations of that name, in whichever database.
void forget_table(invocation in, const std::string& name) {
  struct known {
    std::string cluster, database;
    read_rules_ptr rules;
  };
  sql_access about;
  about.relations = {sql_name::parse(name)};
  auto& process = in.process();
  gather_shards<std::vector<known>>(
      process,
      [](shard& s) {
        std::vector<known> found;
        s.for_each_rules([&](const std::string& cluster, const std::string& database, const read_rules_ptr& rules) {
          if (rules) found.push_back({cluster, database, rules});
        });
        return found;
      },
      [in = std::move(in), about, name](const std::vector<std::vector<known>>& parts) {
        std::size_t relations = 0;
        for (const auto& each : parts.front()) {
          auto& clocks = in.process().cache.clocks_of(each.cluster, each.database);
          for (const auto id : each.rules->caching().depends_on(about)) {
            clocks.of(id).wrote();
            ++relations;
          }
        }
        if (relations == 0) return in.done(failed(error("42P01", "no cached database has a table " + name)));
        in.process().cache.store.flush([](const cache_entry& e) { return !e.holds(); });
        in.done({});
      });
}

}  // namespace

void show_cache(invocation in) {
  auto& process = in.process();
  gather_reasons(process, &shard::cache_bypasses, [in = std::move(in)](const reason_counts& bypasses) {
    auto& cache = in.process().cache;
    const auto c = cache.store.count();
    const auto& shared = cache.shared;
    std::vector<row> out;
    const std::pair<const char*, std::uint64_t> items[] = {
        {"memory", in.process().settings()->cache.memory.bytes},
        {"bytes", c.bytes},
        {"entries", c.entries},
        {"hits", c.hits},
        {"misses", c.misses},
        {"waited", c.waited},
        {"fills", c.fills},
        {"stale", c.stale},
        {"evictions", c.evictions},
        {"saved_us", c.saved_us},
        {"not kept: first miss", c.first_misses},
        {"not kept: written meanwhile", c.outdated},
        {"not kept: too large", c.too_large},
        {"not kept: worth less than what is there", c.no_room},
        {"redis: hits", shared.hits},
        {"redis: misses", shared.misses},
        {"redis: late", shared.late},
        {"redis: lost", shared.lost},
        {"redis: not to be used", shared.unfit},
        {"redis: given", shared.given},
        {"redis: sisters", cache.book.count()},
    };
    for (const auto& [name, value] : items)
      out.push_back({std::string(name), number(value)});
    for (const auto& [reason, count] : bypasses)
      out.push_back({"bypass: " + reason, number(count)});
    in.done(rows(std::move(out)));
  });
}

void show_cache_entries(invocation in) {
  std::size_t most = entries_shown;
  if (!in.arguments.empty()) {
    const auto& text = in.arguments[0].text;
    if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != text.npos)
      return in.done(failed(error("22023", "not a number of entries: " + text)));
    most = std::stoul(text);
  }
  const auto now = steady::now();
  std::vector<row> out;
  for (const auto& each : in.process().cache.store.top(most))
    out.push_back(entry_row(each, now));
  in.done(rows(std::move(out)));
}

// By the clocks, so that what is being read now is not kept either.
void cache_flush(invocation in) {
  auto& cache = in.process().cache;
  const auto what = in.arguments.empty() ? "ALL" : upper_case(in.arguments[0].text);
  const auto name = joined(in.arguments, 1);
  log_info("console_command", {{"command", "CACHE FLUSH"}, {"what", what}, {"name", name}});
  if ((what == "ALL") != name.empty())
    return in.done(failed(error("42601", "Usage: CACHE FLUSH [ALL | DATABASE <db> | TABLE <table> | TAG <tag>]")));
  if (what == "TABLE") return forget_table(std::move(in), name);
  if (what == "ALL") {
    cache.flush([](const auto&, const auto&) { return true; });
  } else if (what == "DATABASE") {
    const auto settings = in.process().settings();
    const auto* known = settings->find_database(name);
    if (!known) return in.done(failed(error("3D000", "no such database: " + name)));
    const auto& on_server = known->dbname.empty() ? name : known->dbname;
    cache.flush([&](const auto& cluster, const auto& db) { return cluster == known->cluster && db == on_server; });
  } else if (what == "TAG") {
    cache.clock_of_tag(name).wrote();
  } else {
    return in.done(failed(error("42601", "Usage: CACHE FLUSH [ALL | DATABASE <db> | TABLE <table> | TAG <tag>]")));
  }
  cache.store.flush([](const cache_entry& e) { return !e.holds(); });
  in.done({});
}

}  // namespace forebay::admin
