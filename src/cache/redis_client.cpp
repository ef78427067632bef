#include "cache/redis_client.hpp"

#include <algorithm>

#include "config/notation.hpp"

namespace forebay {
namespace {

constexpr unsigned most_redirects = 3;
constexpr std::size_t most_nodes = 1000;
constexpr std::chrono::seconds slots_timeout{1};
constexpr std::chrono::milliseconds between_slots{100};
// A result, or all that others have written in a day.
constexpr std::size_t largest_reply = 32 << 20;

std::string name_of(const config::address& at) {
  return at.host + ':' + std::to_string(at.port);
}

}  // namespace

struct redis_client::request {
  std::vector<std::string> commands;
  steady::time_point until;
  handler tell;
  unsigned redirects = 0;
  bool told_late = false;
};

redis_client::redis_client(worker& on, resolver& names, config::redis_server where)
    : on_(on), names_(names), where_(std::move(where)) {}

void redis_client::start() {
  for (const auto& each : where_.hosts)
    add_link(each);
}

void redis_client::stop() {
  for (const auto& [name, link] : links_)
    link->stop();
  links_.clear();
}

redis_client::link_ptr redis_client::add_link(const config::address& at) {
  auto& link = links_[name_of(at)];
  if (link) return link;
  link = std::make_shared<redis_link>(on_, names_, at, where_, largest_reply);
  link->on_ready = [me = weak_from_this()] {
    const auto self = me.lock();
    if (!self) return;
    if (self->where_.cluster) self->learn_slots();
    if (self->on_ready) self->on_ready();
  };
  link->start();
  return link;
}

// "host:port"; of an IPv6 host too, without brackets, as a cluster writes it.
redis_client::link_ptr redis_client::link_to(const std::string& node) {
  const auto colon = node.rfind(':');
  const auto port = colon == node.npos ? std::nullopt : config::parse_port(std::string_view(node).substr(colon + 1));
  if (!port || links_.size() >= most_nodes) return nullptr;
  return add_link({node.substr(0, colon), *port});
}

redis_client::link_ptr redis_client::link_for(std::string_view key) {
  if (!where_.cluster) return links_.empty() ? nullptr : links_.begin()->second;
  if (const auto& node = slots_.node_of(redis_slot(key)); !node.empty()) return link_to(node);
  const auto any = std::ranges::find_if(links_, [](const auto& each) { return each.second->is_ready(); });
  return any == links_.end() ? nullptr : any->second;
}

bool redis_client::is_ready(std::string_view key) {
  const auto link = link_for(key);
  return link && link->is_ready();
}

std::chrono::microseconds redis_client::usual_time(std::string_view key) {
  const auto link = link_for(key);
  return link ? link->usual_time() : std::chrono::microseconds(0);
}

bool redis_client::ask(std::string_view key, std::vector<std::string> commands, steady::time_point until,
                       handler tell) {
  const auto link = link_for(key);
  if (link && send(std::make_shared<request>(request{std::move(commands), until, std::move(tell)}), link, false))
    return true;
  if (where_.cluster) learn_slots();  // somebody else may have its place by now
  return false;
}

// ASKING counts for one command.
bool redis_client::send(const std::shared_ptr<request>& what, const link_ptr& to, bool asking) {
  std::string commands;
  for (const auto& each : what->commands) {
    if (asking) append_command(commands, {"ASKING"});
    commands += each;
  }
  const auto wanted = what->commands.size() * (asking ? 2 : 1);
  return to->ask(commands, wanted, what->until,
                 [me = weak_from_this(), what, from = std::weak_ptr(to), asking](outcome how, replies& got) {
                   const auto self = me.lock();
                   const auto link = from.lock();
                   if (!self || !link) return;
                   for (std::size_t i = 0; asking && i < got.size(); ++i)
                     got.erase(got.begin() + static_cast<std::ptrdiff_t>(i));
                   self->take(what, link, how, got);
                 });
}

void redis_client::take(const std::shared_ptr<request>& what, const link_ptr& from, outcome how, replies& got) {
  if (how == outcome::late) what->told_late = true;
  if (how == outcome::answered && where_.cluster) {
    const auto where = redis_redirect::of(got.front());
    if (where && !what->told_late && follow(what, from, *where)) return;
    if (got.front().is_error("CLUSTERDOWN")) learn_slots();
  }
  if (how == outcome::lost && where_.cluster) learn_slots();
  what->tell(how, got);
}

bool redis_client::follow(const std::shared_ptr<request>& what, const link_ptr& from, const redis_redirect& where) {
  const auto node = where.node.starts_with(':') ? from->where().host + where.node : where.node;
  if (where.for_good) {
    slots_.set(where.slot, node);
    learn_slots();  // it is seldom one slot that moves
  }
  const auto to = what->redirects++ < most_redirects ? link_to(node) : nullptr;
  return to && send(what, to, !where.for_good);
}

void redis_client::learn_slots() {
  if (learning_ || on_.now() < learned_ + between_slots) return;
  learned_ = on_.now();
  const auto any = std::ranges::find_if(links_, [](const auto& each) { return each.second->is_ready(); });
  if (any == links_.end()) return;
  std::string command;
  append_command(command, {"CLUSTER", "SLOTS"});
  learning_ = any->second->ask(command, 1, on_.now() + slots_timeout,
                               [me = weak_from_this(), host = any->second->where().host](outcome, replies& got) {
                                 const auto self = me.lock();
                                 if (!self) return;
                                 self->learning_ = false;
                                 if (!got.empty() && self->slots_.read(got.front(), host)) self->drop_strangers();
                               });
}

// Nodes that have left.
void redis_client::drop_strangers() {
  std::erase_if(links_, [&](const auto& each) {
    const auto& [name, link] = each;
    const bool named = std::ranges::any_of(where_.hosts, [&](const auto& at) { return name_of(at) == name; });
    if (named || slots_.has(name) || link->is_ready()) return false;
    link->stop();
    return true;
  });
}

}  // namespace forebay
