#include "session/state_log.hpp"

#include <algorithm>
#include <iterator>

namespace forebay {
namespace {

// The one setting that RESET ALL leaves as it is (GUC_NO_RESET_ALL) and that can be set like any other.
constexpr std::string_view role = "role";

// The server's own default, which is not known. No setting's value holds a zero byte.
constexpr std::string_view unknown("\0", 1);

parameters reported_and_role(const parameters& of) {
  std::vector<parameter_set::entry> kept;
  for (const auto& e : of->entries()) {
    if (e.reported || same_name(e.name, role)) kept.push_back(e);
  }
  return parameter_set::intern(std::move(kept));
}

}  // namespace

void state_log::begin(const parameters& current) {
  if (points_.empty()) points_.push_back({{}, wanted, current, resets_});
}

void state_log::hide() {
  if (!told_) told_ = wanted;
}

bool state_log::is_reset(std::string_view name) const {
  const auto& names = resets_.names;
  const bool named = std::any_of(names.begin(), names.end(), [&](const auto& n) { return same_name(n, name); });
  return named != resets_.all;
}

// Whether this one counts as reset from now on; until now it is the other way round.
void state_log::mark_reset(const std::string& name, bool yes) {
  if (yes != resets_.all) {
    resets_.names.push_back(name);
  } else {
    std::erase_if(resets_.names, [&](const auto& n) { return same_name(n, name); });
  }
}

void state_log::set(const std::string& name, const std::string& value, parameters& current) {
  begin(current);
  if (const auto* known = current->find(name); known && known->reported) {
    // The server tells what it made of the value, if that is not what it told last. That it was set behind a reset
    // counts.
    if (is_reset(name)) {
      mark_reset(name, false);
      wanted = parameter_set::with(wanted, known->name, known->value, true);
    }
    return;
  }
  wanted = parameter_set::with(wanted, name, value, false);
  current = parameter_set::with(current, name, value, false);
}

void state_log::reset(const std::string& name, parameters& current) {
  begin(current);
  const auto* then = at_login->find(name);
  if (const auto* now = current->find(name); now && now->reported) {
    hide();
    if (!is_reset(name)) mark_reset(name, true);
    if (then) wanted = parameter_set::with(wanted, then->name, then->value, true);
    return;
  }
  wanted = parameter_set::without(wanted, name);
  current = parameter_set::without(current, name);
  if (!then) return;
  wanted = parameter_set::with(wanted, then->name, then->value, false);
  current = parameter_set::with(current, then->name, unknown, false);
}

void state_log::reset_all(parameters& current) {
  begin(current);
  hide();
  resets_ = {.all = true};
  const auto* r = wanted->find(role);
  wanted = r ? parameter_set::with(at_login, r->name, r->value, false) : at_login;
  current = reported_and_role(current);
}

void state_log::discard_all(parameters& current, const parameters& initial) {
  hide();
  resets_ = {.all = true};
  points_.clear();
  if (listens_) channels_.push_back({channel_change::kind::unlisten_all, {}});
  wanted = at_login;
  current = parameter_set::with_reported_of(initial, current);  // until it reports what has changed
}

void state_log::savepoint(const std::string& name, const parameters& current) {
  begin(current);
  points_.push_back({name, wanted, current, resets_});
}

bool state_log::channels_changed(bool at_end) const {
  return !channels_.empty() || (at_end && !failed_ && std::any_of(points_.begin(), points_.end(), [](const auto& p) {
                                  return !p.channels.empty();
                                }));
}

void state_log::on_channel(channel_change change, const parameters& current) {
  listens_ = listens_ || change.what == channel_change::kind::listen;
  if (!listens_) return;
  begin(current);
  points_.back().channels.push_back(std::move(change));
}

void state_log::release(const std::string& name) {
  const auto found = std::find_if(points_.rbegin(), points_.rend(), [&](const auto& p) { return p.savepoint == name; });
  if (found == points_.rend()) return;
  const auto released = std::next(found).base();  // never the first: that has no name
  auto& outer = std::prev(released)->channels;
  for (auto p = released; p != points_.end(); ++p)
    std::move(p->channels.begin(), p->channels.end(), std::back_inserter(outer));
  points_.erase(released, points_.end());
}

bool state_log::roll_back_to(const std::string& name, parameters& current) {
  const auto found = std::find_if(points_.rbegin(), points_.rend(), [&](const auto& p) { return p.savepoint == name; });
  if (found == points_.rend()) return false;
  restore(*found, current);
  found->channels.clear();
  points_.erase(found.base(), points_.end());
  failed_ = false;
  return true;
}

void state_log::commit() {
  for (auto& p : points_)
    std::move(p.channels.begin(), p.channels.end(), std::back_inserter(channels_));
  forget();
}

void state_log::forget() {
  points_.clear();
  failed_ = false;
}

void state_log::roll_back(parameters& current) {
  if (!points_.empty()) restore(points_.front(), current);
  forget();
}

// PostgreSQL undoes at once what was done since the last savepoint, although the transaction ends later.
void state_log::failed(parameters& current) {
  if (points_.empty()) return;
  failed_ = true;
  restore(points_.back(), current);
}

void state_log::transaction_ended(parameters& current) {
  failed_ ? roll_back(current) : commit();
}

void state_log::server_lost() {
  if (!points_.empty()) wanted = points_.front().wanted;
  forget();
  told_ = nullptr;
  resets_ = {};
}

// What the server reports goes back by its own reports: a point may be younger than a SET LOCAL that it told of. But
// what was reset just ahead of the point is not what it tells.
void state_log::restore(const point& p, parameters& current) {
  hide();
  resets_ = p.resets_before;
  const bool as_told = !resets_.all && resets_.names.empty();
  wanted = as_told ? parameter_set::with_reported_of(p.wanted, current) : p.wanted;
  current = parameter_set::with_reported_of(p.current, current);
}

parameters state_log::wanted_ahead_of(const state_change& next, const parameters& current) const {
  using kind = state_change::kind;
  const auto stays = [&](const parameter_set::entry& e) {
    return !e.reported &&
           (next.what == kind::discard_all || (next.what == kind::reset_all && !same_name(e.name, role)) ||
            (next.what == kind::reset && same_name(e.name, next.name)));
  };
  std::vector<parameter_set::entry> ahead;
  std::remove_copy_if(wanted->entries().begin(), wanted->entries().end(), std::back_inserter(ahead), stays);
  std::copy_if(current->entries().begin(), current->entries().end(), std::back_inserter(ahead), stays);
  return parameter_set::intern(std::move(ahead));
}

bool state_log::reported(std::string_view name, std::string_view value, parameters& current,
                         const parameters& initial) {
  current = parameter_set::with(current, name, value, true);
  if (told_ && is_reset(name)) {
    const auto* reset_to = initial->find(name);
    if (!reset_to || reset_to->value == value) return false;
    mark_reset(std::string(name), false);  // it was set behind that, in a request of its own
  }
  wanted = parameter_set::with(wanted, name, value, true);
  if (!told_) return true;
  const auto* known = told_->find(name);
  const bool news = !known || known->value != value;
  told_ = parameter_set::with(told_, name, value, true);
  return news;
}

parameters state_log::take_news(const parameters& current, const parameters& initial) {
  // What a reset has changed is reported by now. What is not was set again, to what it was.
  if (resets_.all || !resets_.names.empty()) {
    for (const auto& e : current->entries()) {
      const auto* reset_to = e.reported && is_reset(e.name) ? initial->find(e.name) : nullptr;
      if (reset_to && reset_to->value != e.value) wanted = parameter_set::with(wanted, e.name, e.value, true);
    }
  }
  resets_ = {};
  for (auto& p : points_)
    p.resets_before = {};
  const auto told = std::exchange(told_, nullptr);
  if (!told || told == wanted) return parameter_set::empty();
  std::vector<parameter_set::entry> news;
  for (const auto& e : wanted->entries()) {
    const auto* known = told->find(e.name);
    if (e.reported && known && known->value != e.value) news.push_back(e);
  }
  return parameter_set::intern(std::move(news));
}

}  // namespace forebay
