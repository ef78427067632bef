#include "routing/catalog_watch.hpp"

#include "core/log.hpp"

namespace forebay {
namespace {

using namespace std::chrono_literals;

constexpr auto between_checks = 5s;
constexpr auto between_changes = 100ms;
constexpr auto patience = 30s;  // for a catalog to be read, and for how long an old one is believed
constexpr auto after_failure = 1s;
constexpr auto after_refusal = 10s;

// There is no such database, or no way into it: that will be so for a while.
bool is_refusal(const std::string& sqlstate) {
  return sqlstate == "3D000" || sqlstate.starts_with("28") || sqlstate == "42501";
}

}  // namespace

void catalog_watch::aim(std::optional<pq_connection::target> node, steady::time_point now) {
  if (node) node->dbname = database_;
  if (node == to_) return;
  to_ = std::move(node);
  io_.close();
  step_ = step::none;
  fingerprint_.clear();
  check_at_ = now;
}

void catalog_watch::set_lists(const config::routing& routing, steady::time_point now) {
  if (routing.write_functions == lists_.write && routing.read_functions == lists_.read) return;
  lists_ = {routing.write_functions, routing.read_functions};
  fingerprint_.clear();
  if (step_ != step::none) io_.close();  // what is being read would be judged by both
  step_ = step::none;
  check_at_ = now;
}

void catalog_watch::changed(steady::time_point now) {
  check_at_ = std::min(check_at_, std::max(now, begun_ + between_changes));
}

void catalog_watch::run(steady::time_point now) {
  if (rules_ && now >= confirmed_ + patience) {
    log_warning("catalog_unknown", {{"cluster", cluster_}, {"database", database_}});
    fingerprint_.clear();
    know(nullptr);
  }
  if (!to_) return;
  switch (io_.state()) {
    case pq_connection::state::failed:
      return take_failure(io_.error(), now);
    case pq_connection::state::resolving:
    case pq_connection::state::connecting:
    case pq_connection::state::asking:
      if (now >= begun_ + patience) take_failure("no answer", now);
      return;
    case pq_connection::state::idle:
      if (step_ != step::none) return take_answer(now);
      break;
    case pq_connection::state::closed:
      break;
  }
  if (now < check_at_) return;
  begun_ = now;
  if (io_.state() == pq_connection::state::closed) return io_.start(*to_);
  check_at_ = now + between_checks;
  ask(step::fingerprint);
}

void catalog_watch::ask(step what) {
  step_ = what;
  io_.ask(what == step::fingerprint ? catalog_fingerprint
          : what == step::begin     ? catalog_begin
          : what == step::query     ? catalog_queries[query_].sql
                                    : catalog_end);
}

void catalog_watch::take_answer(steady::time_point now) {
  const bool is_last = step_ == step::query && query_ + 1 == catalog_queries.size();
  if (!io_.error().empty() && is_last && io_.state() == pq_connection::state::idle) return ask(step::end);
  if (!io_.error().empty()) return take_failure(io_.error(), now);
  switch (step_) {
    case step::none:
      return;
    case step::fingerprint:
      if (io_.rows().size() != 1 || io_.rows()[0].size() != 1) return take_failure("no fingerprint", now);
      new_fingerprint_ = io_.rows()[0][0];
      if (new_fingerprint_ != fingerprint_) return ask(step::begin);
      step_ = step::none;
      confirmed_ = begun_;
      if (rules_) rules_->confirm(begun_);
      return;
    case step::begin:
      read_ = {};
      query_ = 0;
      return ask(step::query);
    case step::query:
      for (const auto& row : io_.rows())
        if (!read_.add(query_, row)) return take_failure("a row of other columns than expected", now);
      return ask(++query_ < catalog_queries.size() ? step::query : step::end);
    case step::end:
      return take_catalog(now);
  }
}

void catalog_watch::take_catalog(steady::time_point now) {
  step_ = step::none;
  fingerprint_ = new_fingerprint_;
  confirmed_ = begun_;
  complaint_.clear();
  know(std::make_shared<read_rules>(std::exchange(read_, {}), lists_));
  rules_->confirm(begun_);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - begun_).count();
  log_debug("catalog_read", {{"cluster", cluster_}, {"database", database_}, {"bytes", rules_->bytes()}, {"ms", took}});
}

void catalog_watch::take_failure(const std::string& why, steady::time_point now) {
  if (why != complaint_)
    log_warning("catalog_unread", {{"cluster", cluster_}, {"database", database_}, {"reason", why}});
  complaint_ = why;
  const bool refused = is_refusal(io_.sqlstate());
  io_.close();
  step_ = step::none;
  read_ = {};
  check_at_ = now + (refused ? std::chrono::milliseconds(after_refusal) : std::chrono::milliseconds(after_failure));
}

void catalog_watch::know(read_rules_ptr rules) {
  rules_ = std::move(rules);
  news_ = true;
}

steady::time_point catalog_watch::next() const {
  auto soonest = steady::time_point::max();
  const auto state = io_.state();
  const bool waits =
      step_ == step::none && (state == pq_connection::state::idle || state == pq_connection::state::closed);
  if (to_) soonest = waits ? check_at_ : begun_ + patience;
  return rules_ ? std::min(soonest, confirmed_ + patience) : soonest;
}

std::optional<read_rules_ptr> catalog_watch::take_rules() {
  if (!std::exchange(news_, false)) return std::nullopt;
  return rules_;
}

}  // namespace forebay
