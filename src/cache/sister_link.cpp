#include "cache/sister_link.hpp"

#include <algorithm>

#include "config/redis_url.hpp"
#include "core/log.hpp"

namespace forebay {
namespace {

constexpr const char* channel = "forebay:1:news";
constexpr std::chrono::seconds patience{1};
constexpr std::chrono::milliseconds pause{200};
constexpr std::chrono::seconds ping_interval{2};
constexpr std::chrono::hours day{24};
constexpr std::size_t largest_message = 16 << 20;

// Of today and of the day before: nothing that is shared is older. Clocks that are not quite the same do no harm.
std::string hash_of_day(int days_ago) {
  const auto since = std::chrono::system_clock::now().time_since_epoch() - days_ago * day;
  return "forebay:1:written:" + std::to_string(since / day);
}

std::string command(std::initializer_list<std::string_view> words) {
  std::string text;
  append_command(text, words);
  return text;
}

}  // namespace

sister_link::sister_link(worker& on, resolver& names, std::shared_ptr<redis_client> redis, result_cache& cache,
                         sister_book::applier apply)
    : on_(on), names_(names), redis_(std::move(redis)), cache_(cache), apply_(std::move(apply)) {}

void sister_link::start() {
  redis_->on_ready = [me = weak_from_this()] {
    if (const auto self = me.lock()) self->tell_all();
  };
  cache_.changes.begin([me = weak_from_this(), to = &on_] {
    to->post([me] {
      if (const auto self = me.lock()) self->tell();
    });
  });
  listen_to(redis_->where().hosts.front());
  on_.post_at(on_.now() + ping_interval, [me = weak_from_this()] {
    if (const auto self = me.lock()) self->keep_listening();
  });
}

void sister_link::stop() {
  stopped_ = true;
  cache_.changes.end();
  redis_->on_ready = nullptr;
  if (ear_) ear_->stop();
}

// What Redis knew may be gone with it.
void sister_link::tell_all() {
  std::vector<cache_clock*> told;
  cache_.for_each([&](const auto&, const auto&, cache_clocks& clocks) {
    clocks.for_each([&](cache_clock& each) {
      if (each.own() != 0) told.push_back(&each);
    });
  });
  cache_.changes.put_back(told);
  tell();
}

void sister_link::tell() {
  if (stopped_ || telling_) return;
  const auto found = cache_.changes.take();
  sister_news news{cache_.book.own(), cache_.tellings + 1, found.upto, {}};
  std::vector<cache_clock*> told, nameless;
  for (auto* each : found.clocks) {
    const auto database = each->of()->shared_name();
    if (database.empty()) {
      nameless.push_back(each);
      continue;
    }
    news.items.push_back({database, each->relation(), std::min(each->own(), found.upto)});  // later ones come next
    told.push_back(each);
  }
  cache_.changes.put_back(nameless);  // see application: it moves again when it has a name
  if (told.empty()) return nameless.empty() ? void() : tell_again_later();
  const auto hash = hash_of_day(0);
  std::vector<std::string_view> words{"HSET", hash};
  const auto fields = sister_book::fields_of(news);
  for (const auto& [name, value] : fields) {
    words.push_back(name);
    words.push_back(value);
  }
  std::string keep;
  append_command(keep, words);
  const bool sent = redis_->ask(
      hash, {keep, command({"EXPIRE", hash, "180000"}), command({"PUBLISH", channel, news.encode()})},
      on_.now() + patience,
      [me = weak_from_this(), told, number = news.number](redis_link::outcome how, redis_link::replies& got) {
        const auto self = me.lock();
        if (!self || self->stopped_ || !self->telling_ || self->cache_.tellings != number) return;
        self->telling_ = false;
        bool well = how == redis_link::outcome::answered;
        for (const auto& each : got)
          well = well && each.is != redis_reply::kind::error;
        if (well) self->complaint_.clear();
        if (well) return self->tell();
        self->cache_.changes.put_back(told);
        self->complain(got);
        self->tell_again_later();
      });
  telling_ = sent;
  if (sent) {
    cache_.tellings = news.number;
    return;
  }
  cache_.changes.put_back(told);
  tell_again_later();
}

void sister_link::complain(const redis_link::replies& got) {
  const auto wrong = std::ranges::find(got, redis_reply::kind::error, &redis_reply::is);
  const auto why = wrong == got.end() ? "no answer" : wrong->text;
  if (why == std::exchange(complaint_, why)) return;
  log_warning("sisters_not_told", {{"server", config::redis_url(redis_->where())}, {"reason", why}});
}

void sister_link::tell_again_later() {
  if (std::exchange(again_, true)) return;
  on_.post_at(on_.now() + pause, [me = weak_from_this()] {
    const auto self = me.lock();
    if (!self) return;
    self->again_ = false;
    self->tell();
  });
}

void sister_link::listen_to(const config::address& at) {
  ear_ = std::make_shared<redis_link>(on_, names_, at, redis_->where(), largest_message);
  ear_->on_ready = [me = weak_from_this()] {
    const auto self = me.lock();
    if (!self || !self->ear_) return;
    self->heard_ = self->on_.now();
    self->ear_->ask(command({"SUBSCRIBE", channel}), 0, {}, nullptr);
  };
  ear_->on_unasked = [me = weak_from_this()](redis_reply& message) {
    if (const auto self = me.lock()) self->on_message(message);
  };
  ear_->start();
}

// ["subscribe", channel, 1], ["message", channel, text], ["pong", ""].
void sister_link::on_message(redis_reply& message) {
  heard_ = on_.now();
  const auto& what = message.items.empty() ? std::string() : message.items.front().text;
  if (what == "subscribe") return want_to_learn();
  if (what != "message" || message.items.size() != 3) return;
  const auto news = sister_news::decode(message.items[2].text);
  if (!news) return log_debug("sister_not_understood");
  if (!cache_.book.hear(*news, on_.now(), apply_)) want_to_learn();
}

// All that was told before; what is told meanwhile is heard. Until that has been read.
void sister_link::want_to_learn() {
  wanted_ = true;
  if (learning_ == 0 && on_.now() >= learned_ + pause) return learn();
  learn_later();
}

void sister_link::learn_later() {
  if (std::exchange(learns_later_, true)) return;
  on_.post_at(on_.now() + pause, [me = weak_from_this()] {
    const auto self = me.lock();
    if (!self || self->stopped_) return;
    self->learns_later_ = false;
    if (self->wanted_) self->want_to_learn();
  });
}

// The day before first: a position of today counts for both.
void sister_link::learn() {
  learned_ = on_.now();
  wanted_ = false;
  for (const int days_ago : {1, 0}) {
    const auto hash = hash_of_day(days_ago);
    const bool sent = redis_->ask(hash, {command({"HGETALL", hash})}, on_.now() + patience,
                                  [me = weak_from_this()](redis_link::outcome how, redis_link::replies& got) {
                                    if (const auto self = me.lock(); self && how != redis_link::outcome::late)
                                      self->on_learned(how, got);
                                  });
    sent ? ++learning_ : wanted_ = true;
  }
  if (learning_ == 0) learn_later();
}

void sister_link::on_learned(redis_link::outcome how, redis_link::replies& got) {
  const bool well = how == redis_link::outcome::answered && got.front().is == redis_reply::kind::list;
  if (well && !wanted_) learned_days_.push_back(std::move(got.front()));
  if (!well) wanted_ = true;
  if (--learning_ > 0) return;
  for (const auto& day_before : std::exchange(learned_days_, {}))
    if (!wanted_) cache_.book.learn(day_before, on_.now(), apply_);
  if (wanted_) learn_later();
}

// Redis may be gone without a word; and where one node of a cluster is, the next is listened to.
void sister_link::keep_listening() {
  if (stopped_) return;
  if (ear_->is_ready()) {
    if (heard_ + 2 * ping_interval < on_.now())
      ear_->fail("silent");
    else
      ear_->ask(command({"PING"}), 0, {}, nullptr);
  } else if (const auto& hosts = redis_->where().hosts; hosts.size() > 1) {
    ear_->stop();
    host_ = (host_ + 1) % hosts.size();
    listen_to(hosts[host_]);
  }
  on_.post_at(on_.now() + ping_interval, [me = weak_from_this()] {
    if (const auto self = me.lock()) self->keep_listening();
  });
}

}  // namespace forebay
