#include "cache/sisters.hpp"

#include <algorithm>
#include <charconv>
#include <ranges>

#include "config/url.hpp"

namespace forebay {
namespace {

// Nothing that is shared is kept for longer: what was written before says nothing any more.
constexpr std::chrono::hours memory{25};
// Those heard of last; of others nothing is known, so what they have written is not in any result.
constexpr std::size_t most_sisters = 64;
constexpr std::size_t most_places = 100'000;

template <class Number>
std::optional<Number> number_of(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return ec == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string hex(std::uint64_t value) {
  char text[16];
  return {text, std::to_chars(std::begin(text), std::end(text), value, 16).ptr};
}

std::string place_text(const sister_news::item& i) {
  return i.database + '/' + std::to_string(i.relation);
}

// "<database>/<relation>"; the database's name has a slash itself.
bool parse_place(std::string_view text, sister_news::item& into) {
  const auto slash = text.rfind('/');
  if (slash == text.npos || slash == 0) return false;
  const auto relation = number_of<cache_clock::oid>(text.substr(slash + 1));
  into.database = text.substr(0, slash);
  into.relation = relation.value_or(0);
  return relation.has_value();
}

}  // namespace

std::string sister_news::encode() const {
  auto text = hex(who) + ' ' + std::to_string(number) + ' ' + std::to_string(upto);
  for (const auto& each : items)
    text += ' ' + place_text(each) + ':' + std::to_string(each.position);
  return text;
}

std::optional<sister_news> sister_news::decode(std::string_view text) {
  sister_news made;
  const auto who = number_of<proxy_id>(config::cut(text, text.find(' ')), 16);
  const auto number = number_of<std::uint64_t>(config::cut(text, text.find(' '))),
             upto = number_of<std::uint64_t>(config::cut(text, text.find(' ')));
  if (!who || !number || !upto) return std::nullopt;
  made.who = *who;
  made.number = *number;
  made.upto = *upto;
  while (!text.empty()) {
    auto word = config::cut(text, text.find(' '));
    const auto place = config::cut(word, word.find(':'));
    const auto position = number_of<std::uint64_t>(word);
    auto& each = made.items.emplace_back();
    if (!position || *position > *upto || !parse_place(place, each)) return std::nullopt;
    each.position = *position;
  }
  return made;
}

shared_fence sister_book::fence(std::uint64_t position) const {
  shared_fence made;
  made.set(own_, position);
  const std::lock_guard hold(mutex_);
  for (const auto& [who, known] : sisters_)
    made.set(who, known.upto);
  return made;
}

bool sister_book::has_all(const cache_clock& clock, const shared_fence& fence) const {
  if (!clock.of()) return true;
  if (clock.is_pending() || std::max(clock.own(), least_.load()) > fence.of(own_)) return false;
  const auto database = clock.of()->shared_name();
  if (database.empty() || clock.of()->is_in_doubt()) return false;
  const std::lock_guard hold(mutex_);
  const auto known = written_.find({database, clock.relation()});
  if (known == written_.end()) return written_.size() < most_places;
  return std::ranges::all_of(known->second, [&](const mark& each) { return each.position <= fence.of(each.who); });
}

// Whether it was not known.
bool sister_book::note(const place& where, proxy_id who, std::uint64_t position, steady::time_point now) {
  if (written_.size() >= most_places && !written_.contains(where)) return true;
  auto& marks = written_[where];
  std::erase_if(marks, [&](const mark& each) { return each.heard + memory < now; });
  const auto known = std::ranges::find(marks, who, &mark::who);
  if (known == marks.end()) {
    marks.push_back({who, position, now});
    return true;
  }
  const bool fresh = position > known->position;
  if (fresh) *known = {who, position, now};
  return fresh;
}

void sister_book::note(proxy_id who, std::uint64_t upto, std::uint64_t number, steady::time_point now) {
  auto& known = sisters_[who];
  known.upto = std::max(known.upto, upto);
  known.number = std::max(known.number, number);
  known.heard = std::max(known.heard, now);
  if (sisters_.size() <= most_sisters) return;
  sisters_.erase(std::ranges::min_element(sisters_, {}, [](const auto& each) { return each.second.heard; }));
}

// Its position last: whoever reads it has heard of all before.
bool sister_book::hear(const sister_news& news, steady::time_point now, const applier& apply) {
  if (news.who == own_) return true;
  std::vector<sister_news::item> fresh;
  std::unique_lock hold(mutex_);
  for (const auto& each : news.items)
    if (note({each.database, each.relation}, news.who, each.position, now)) fresh.push_back(each);
  hold.unlock();
  apply(fresh);
  hold.lock();
  const auto known = sisters_.find(news.who);
  const auto last = known == sisters_.end() ? 0 : known->second.number;
  if (news.number > last + 1) return false;
  note(news.who, news.upto, news.number, now);
  return true;
}

std::vector<std::pair<std::string, std::string>> sister_book::fields_of(const sister_news& news) {
  const auto who = hex(news.who);
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& each : news.items)
    fields.emplace_back(place_text(each) + '/' + who, std::to_string(each.position));
  fields.emplace_back(who, std::to_string(news.upto) + ' ' + std::to_string(news.number));
  return fields;
}

// Who is only read of was not heard: of those that are many, the living count.
void sister_book::learn(const redis_reply& fields, steady::time_point now, const applier& apply) {
  std::vector<sister_news::item> fresh;
  std::unique_lock hold(mutex_);
  std::vector<std::pair<proxy_id, std::string_view>> positions;
  for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
    std::string_view name = fields.items[i].text;
    const std::string_view value = fields.items[i + 1].text;
    const auto slash = name.rfind('/');
    const auto who = number_of<proxy_id>(slash == name.npos ? name : name.substr(slash + 1), 16);
    if (!who || *who == own_) continue;
    if (slash == name.npos) {
      positions.emplace_back(*who, value);
      continue;
    }
    sister_news::item each;
    const auto position = number_of<std::uint64_t>(value);
    if (!position || !parse_place(name.substr(0, slash), each)) continue;
    each.position = *position;
    if (note({each.database, each.relation}, *who, *position, now)) fresh.push_back(std::move(each));
  }
  std::vector<std::pair<proxy_id, sister>> positions_now;
  bool skips = false;
  for (auto [who, value] : positions) {
    const auto upto = number_of<std::uint64_t>(config::cut(value, value.find(' '))),
               number = number_of<std::uint64_t>(value);
    if (!upto || !number) continue;
    positions_now.push_back({who, {*upto, *number, {}}});
    const auto known = sisters_.find(who);
    skips = skips || *number > (known == sisters_.end() ? 0 : known->second.number) + 1;
  }
  if (skips) fresh = {{}};  // Redis may have lost some of it
  hold.unlock();
  apply(fresh);
  hold.lock();
  for (const auto& [who, at] : positions_now)
    note(who, at.upto, at.number, {});
}

std::size_t sister_book::count() const {
  const std::lock_guard hold(mutex_);
  return sisters_.size();
}

}  // namespace forebay
