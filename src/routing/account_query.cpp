#include "routing/account_query.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/log.hpp"
#include "core/utf8.hpp"

namespace forebay {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 5s;          // for the connection, and for each answer
constexpr auto after_failure = 500ms;  // who asks within this time hears of the same failure
constexpr auto fresh_enough = 1s;      // a wrong password does not ask again what was answered just now
constexpr auto unknown_ttl = 5s;       // at most, of names that do not exist: they may be created
constexpr std::size_t most_kept = 50'000;
constexpr std::size_t most_waiting = 10'000;

// PostgreSQL has no longer ones, and takes no others.
bool may_be_a_role(const std::string& name) {
  constexpr std::size_t longest = 63;
  return name.size() <= longest && is_utf8(name);
}

}  // namespace

void account_query::configure(const config::settings& settings, const config::cluster& cluster) {
  const auto& auth = settings.auth;
  const auto login = settings.asker_of(cluster);
  const auto* sql = auth.query.empty() ? config::auth::default_query : auth.query.c_str();
  const bool same = login_.has_value() == login.has_value() && sql_ == sql &&
                    (!login || (login_->user == login->user && login_->password == login->password &&
                                login_->dbname == login->dbname));
  forbidden_ = false;  // it may be allowed by now
  ttl_ = auth.cache_ttl;
  only_if_allowed_ = auth.query_if_allowed && auth.query.empty() && auth.query_user.empty();
  kept_.clear();  // a reload is the way to have everything forgotten
  if (same) return;
  sql_ = sql;
  login_ = login;
  if (io_.state() != pq_connection::state::closed) take_failure("the configuration has changed", steady::now());
  failed_at_ = {};
}

void account_query::aim(std::optional<pq_connection::target> node) {
  if (node && login_) {
    node->user = login_->user;
    node->password = login_->password;
    node->dbname = login_->dbname;
  }
  if (node == node_) return;
  node_ = std::move(node);
  io_.close();
  asking_ = false;
  failed_at_ = {};
}

void account_query::find(const std::string& user, bool fresh, steady::time_point now, tell then) {
  if (forbidden_) return then({});
  if (!may_be_a_role(user)) return then({.groups = std::vector<std::string>(), .note = "no role can have this name"});
  if (const auto known = kept_.find(user); known != kept_.end()) {
    const auto& [what, asked, until] = known->second;
    if (now < until && (!fresh || now < asked + fresh_enough)) return then(what);
    kept_.erase(known);
  }
  if (!failure_.empty() && now < failed_at_ + after_failure) return then({.failure = failure_});
  if (queue_.size() >= most_waiting) return then({.failure = "too many clients wait for auth.query"});
  auto& all = waiting_[user];
  all.push_back(std::move(then));
  if (all.size() > 1) return;
  if (queue_.empty()) begun_ = now;
  queue_.push_back(user);
}

void account_query::run(steady::time_point now) {
  if (!node_) {  // at the start, and between two primaries
    if (!queue_.empty() && now >= begun_ + patience) take_failure("there is no node to ask", now);
    return;
  }
  switch (io_.state()) {
    case pq_connection::state::failed:
      if (!has_served_ || queue_.empty()) return take_failure(io_.error(), now);
      io_.close();
      asking_ = has_served_ = false;
      break;
    case pq_connection::state::resolving:
    case pq_connection::state::connecting:
    case pq_connection::state::asking:
      if (now >= begun_ + patience) take_failure("no answer within 5 s", now);
      return;
    case pq_connection::state::idle:
      if (asking_) take_answer(now);
      break;
    case pq_connection::state::closed:
      break;
  }
  if (!queue_.empty()) begin(now);
}

void account_query::begin(steady::time_point now) {
  begun_ = now;
  if (io_.state() == pq_connection::state::closed) {
    has_served_ = false;
    return io_.start(*node_);
  }
  asking_ = true;
  io_.ask(sql_.c_str(), {queue_.front()});
}

void account_query::take_answer(steady::time_point now) {
  asking_ = false;
  has_served_ = true;
  if (!io_.error().empty()) {
    const auto why = io_.error();
    if (only_if_allowed_ && io_.sqlstate() == "42501") {
      forbidden_ = true;
      log_info("auth_query_off", {{"cluster", cluster_},
                                  {"user", login_->user},
                                  {"reason", "may not read pg_authid, so no other user can log in: " + why}});
      while (!queue_.empty())
        answer(queue_.front(), {});
      return io_.close();
    }
    // While the connection is good it was this name that the query failed for, and no other.
    if (io_.state() != pq_connection::state::idle) return take_failure(why, now);
    log_warning("auth_query_failed", {{"cluster", cluster_}, {"reason", why}});
    return answer(queue_.front(), {.failure = why});
  }
  const auto user = queue_.front();
  steady::duration valid = ttl_;
  const auto what = read_rows(user, valid);
  if (what.secret.empty()) valid = std::min<steady::duration>(valid, unknown_ttl);
  failure_.clear();
  if (kept_.size() >= most_kept) std::erase_if(kept_, [&](const auto& each) { return each.second.until <= now; });
  if (kept_.size() >= most_kept) kept_.clear();
  kept_[user] = {what, begun_, begun_ + valid};
  answer(user, what);
}

// The user's rows: each the name, the secret, for how many seconds it is valid, a group. `valid` becomes shorter where
// the secret's time is.
found_account account_query::read_rows(const std::string& user, steady::duration& valid) const {
  found_account found;
  bool known = false;
  const auto column = [](const pq_connection::row& row, std::size_t n) { return n < row.size() ? row[n] : ""; };
  for (const auto& row : io_.rows()) {
    if (row.empty() || row[0] != user) continue;
    if (row.size() > 3 && !found.groups) found.groups.emplace();
    if (row.size() > 3 && !row[3].empty()) found.groups->push_back(row[3]);
    if (std::exchange(known, true)) continue;
    found.secret = column(row, 1);
    if (found.secret.empty()) found.note = "the role has no password";
    const auto seconds = column(row, 2);
    if (seconds.empty()) continue;
    double left = 0;
    const auto [end, failure] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), left);
    if (failure != std::errc{} || end != seconds.data() + seconds.size() || !(left > 0)) {
      found.secret.clear();
      found.note = "the role's password has expired (VALID UNTIL)";
    } else if (left < 1e6) {
      valid = std::min(valid, std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(left)));
    }
  }
  if (!known) found.note = "auth.query knows no such user";
  if (!known) found.groups.emplace();
  return found;
}

void account_query::answer(const std::string& user, const found_account& what) {
  const auto name = user;  // it may be the queue's own
  std::erase(queue_, name);
  auto node = waiting_.extract(name);
  if (node.empty()) return;
  for (const auto& then : node.mapped())
    then(what);
}

// Whoever waits is told; the next who asks tries anew.
void account_query::take_failure(const std::string& why, steady::time_point now) {
  const bool somebody_waited = !queue_.empty();
  if (somebody_waited) {
    log_warning("auth_query_failed", {{"cluster", cluster_}, {"reason", why}});
    failure_ = why;
    failed_at_ = now;
  }
  io_.close();
  asking_ = false;
  queue_.clear();
  const auto all = std::exchange(waiting_, {});
  for (const auto& [user, waiters] : all)
    for (const auto& then : waiters)
      then({.failure = why});
}

steady::time_point account_query::next() const {
  const auto state = io_.state();
  const bool busy = state == pq_connection::state::resolving || state == pq_connection::state::connecting ||
                    state == pq_connection::state::asking;
  return busy || (!node_ && !queue_.empty()) ? begun_ + patience : steady::time_point::max();
}

}  // namespace forebay
