#include "cache/redis_link.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "core/random.hpp"
#include "net/dial.hpp"

namespace forebay {
namespace {

constexpr std::chrono::seconds dial_timeout{2}, greeting_timeout{2};
constexpr std::chrono::milliseconds first_pause{100}, longest_pause{5000};
// So many in a row without an answer in time, and it is let alone for a while, longer each time.
constexpr std::uint32_t patience = 5;
constexpr std::chrono::milliseconds first_rest{500}, longest_rest{10000};
// It is not there any more, whatever the kernel thinks.
constexpr std::chrono::seconds silence{5};
// Who was slow is tried again: without any answers, half is forgotten in this time.
constexpr std::chrono::milliseconds forgetting{250};
// A connection that has stood for this long was a good one.
constexpr std::chrono::seconds stable{5}, between_complaints{10};
// Whoever has less time than this is no judge of the server.
constexpr std::chrono::milliseconds fair{1};
constexpr std::size_t most_asked = 4096, most_unsent = 4 << 20;

std::chrono::milliseconds doubled(std::chrono::milliseconds first, std::uint32_t times,
                                  std::chrono::milliseconds most) {
  return std::min(most, first * (1U << std::min(times, 10U)));
}

}  // namespace

redis_link::redis_link(worker& on, resolver& names, config::address where, const config::redis_server& as,
                       std::size_t largest_reply)
    : on_(on),
      names_(names),
      where_(std::move(where)),
      name_(socket_address{where_.host, where_.port}.text()),
      user_(as.user),
      password_(as.password),
      database_(as.database),
      largest_reply_(largest_reply) {}

void redis_link::start() {
  asio::co_spawn(on_.get_executor(), dial(shared_from_this()), asio::detached);
}

void redis_link::stop() {
  stopped_ = true;
  ready_ = false;
  io_.reset();
  lose_all();
}

asio::awaitable<void> redis_link::dial(std::shared_ptr<redis_link> self) {
  time_limit limit;
  const auto give_up = steady::now() + dial_timeout;
  limit.at.set(self->on_.deadlines(), give_up);
  auto found = co_await self->names_.resolve(self->where_.host, self->where_.port, give_up);
  auto ec = found.ec;
  std::optional<stream> io;
  if (!ec) ec = co_await connect_first(io, found.endpoints, self->on_, limit);
  limit.at.clear();
  if (self->stopped_) co_return;
  self->on_.update_now();
  ec ? self->fail(limit.reason(ec)) : self->greet(std::move(io));
}

void redis_link::greet(std::optional<stream> io) {
  io_.emplace(std::move(*io));
  reader_.emplace(largest_reply_);
  await();
  std::string commands;
  std::size_t wanted = 1;
  if (!password_.empty()) {
    user_.empty() ? append_command(commands, {"AUTH", password_})
                  : append_command(commands, {"AUTH", user_, password_});
    ++wanted;
  }
  if (database_ != 0) {
    append_command(commands, {"SELECT", std::to_string(database_)});
    ++wanted;
  }
  append_command(commands, {"PING"});  // which asks for the password, too
  rest_until_ = {};
  late_in_a_row_ = 0;
  ready_ = true;  // for this
  const bool sent = ask(commands, wanted, on_.now() + greeting_timeout, [this](outcome how, replies& got) {
    if (how == outcome::lost) return;
    if (how == outcome::late) return fail("no answer to its greeting");
    const auto wrong = std::ranges::find(got, redis_reply::kind::error, &redis_reply::is);
    if (wrong != got.end()) return fail(wrong->text);
    if (std::exchange(in_log_, false)) log_info("redis_connected", {{"server", name_}});
    connected_at_ = on_.now();
    ready_ = true;
    if (on_ready) on_ready();
  });
  ready_ = false;
  if (!sent) fail("its greeting could not be sent");
}

// Those who wait are told last: they may ask anew.
void redis_link::fail(const std::string& why) {
  const auto now = on_.now();
  if (std::exchange(ready_, false) && connected_at_ + stable < now) failures_ = 0;
  if (why != complaint_ || complained_at_ + between_complaints < now) {
    log_warning("redis_failed", {{"server", name_}, {"reason", why}});
    complaint_ = why;
    complained_at_ = now;
    in_log_ = true;
  }
  io_.reset();
  dial_later();
  lose_all();
}

void redis_link::lose_all() {
  due_.clear();
  replies none;
  for (auto& each : std::exchange(asked_, {}))
    each.tell(outcome::lost, none);
}

void redis_link::dial_later() {
  const auto pause = doubled(first_pause, failures_++, longest_pause);
  const auto jittered = pause / 2 + pause / 2 * (random_u32() % 1024) / 1024;
  on_.post_at(on_.now() + jittered, [me = weak_from_this()] {
    const auto self = me.lock();
    if (self && !self->stopped_) self->start();
  });
}

std::chrono::microseconds redis_link::usual_time() const {
  const auto quiet = (on_.now() - measured_) / forgetting;
  return usual_ / (std::int64_t{1} << std::clamp<std::int64_t>(quiet, 0, 20));
}

bool redis_link::ask(std::string_view commands, std::size_t wanted, steady::time_point until, handler tell) {
  if (!ready_ || asked_.size() >= most_asked || io_->backlog_size() > most_unsent) return false;
  gather out;
  out.copy(commands);
  if (const auto ec = io_->write(out)) {
    on_.post([me = weak_from_this(), ec] {
      const auto self = me.lock();
      if (self && self->io_) self->fail(ec.message());
    });
    return false;
  }
  if (io_->backlog()) await();
  if (wanted == 0) return true;
  asked_.push_back({wanted, until, on_.now(), std::move(tell)});
  arm(std::min(until, asked_.front().asked + silence));
  return true;
}

void redis_link::await() {
  const auto what = io_->backlog() ? readiness::readable | readiness::writable : readiness::readable;
  io_->wait(
      what, [](void* self, readiness seen) { static_cast<redis_link*>(self)->on_socket(seen); }, this);
}

void redis_link::on_socket(readiness what) {
  if (what == readiness::abandoned || what == readiness::none) return;
  const auto self = shared_from_this();  // what it tells may end it
  on_.update_now();
  if (what == readiness::writable) {
    if (const auto ec = io_->flush()) return fail(ec.message());
    if (!io_->backlog()) await();
    return;
  }
  read();
}

void redis_link::read() {
  const auto input = io_->read();
  if (!input.data.empty() && !reader_->feed(input.data)) return fail("not Redis's protocol, or too much of it");
  while (io_) {
    auto next = reader_->next();
    if (!next) break;
    take(std::move(*next));
  }
  if (!io_) return;
  if (reader_->failed()) return fail("not Redis's protocol");
  if (input.ec) return fail(input.ec.message());
}

void redis_link::take(redis_reply reply) {
  if (on_unasked && reply.is == redis_reply::kind::list) return on_unasked(reply);
  if (asked_.empty())
    return fail(reply.is == redis_reply::kind::error ? reply.text : "an answer that nobody asked for");
  auto& first = asked_.front();
  first.got.push_back(std::move(reply));
  if (first.got.size() < first.wanted) return;
  auto done = std::move(first);
  asked_.pop_front();
  if (!done.late && ready_) {
    measure(std::chrono::duration_cast<std::chrono::microseconds>(on_.now() - done.asked));
    late_in_a_row_ = rests_ = 0;
  }
  done.tell(outcome::answered, done.got);
}

void redis_link::measure(std::chrono::microseconds took) {
  const auto before = usual_time();
  usual_ = before.count() == 0 ? took : took < before ? (before + took) / 2 : (before * 7 + took) / 8;
  measured_ = on_.now();
}

void redis_link::on_time() {
  const auto self = shared_from_this();
  on_.update_now();
  const auto now = on_.now();
  if (!asked_.empty() && asked_.front().asked + silence <= now) return fail("no answer");
  std::vector<handler> late;
  auto next = asked_.empty() ? steady::time_point::max() : asked_.front().asked + silence;
  for (auto& each : asked_) {
    if (!each.late && each.until > now) next = std::min(next, each.until);
    if (each.late || each.until > now) continue;
    each.late = true;
    late.push_back(each.tell);
    measure(std::chrono::duration_cast<std::chrono::microseconds>(now - each.asked));
    if (each.until - each.asked < fair || ++late_in_a_row_ < patience) continue;
    late_in_a_row_ = 0;
    rest_until_ = now + doubled(first_rest, rests_++, longest_rest);
    if (slow_at_ + between_complaints > now) continue;
    slow_at_ = now;
    log_warning("redis_slow", {{"server", name_}, {"rest_ms", (rest_until_ - now) / std::chrono::milliseconds(1)}});
  }
  arm(next);
  replies none;
  for (auto& tell : late)
    tell(outcome::late, none);
}

void redis_link::arm(steady::time_point at) {
  if (at != steady::time_point::max() && (!due_.is_set() || at < due_.at())) due_.set(on_.deadlines(), at);
}

}  // namespace forebay
