#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "cache/redis_link.hpp"
#include "cache/redis_slots.hpp"

// Redis, or a Redis Cluster, as one worker uses it: commands about one key, each with its own time. Where the cluster
// has moved the key, the command follows, a few times and within that time.
namespace forebay {

class redis_client : public std::enable_shared_from_this<redis_client> {
 public:
  using outcome = redis_link::outcome;
  using replies = redis_link::replies;
  using handler = redis_link::handler;

  redis_client(worker& on, resolver& names, config::redis_server where);
  void start();
  void stop();
  const config::redis_server& where() const { return where_; }

  bool is_ready(std::string_view key);
  // How long an answer about this key takes, of late.
  std::chrono::microseconds usual_time(std::string_view key);

  // As redis_link::ask: `commands` about this key, a reply for each.
  bool ask(std::string_view key, std::vector<std::string> commands, steady::time_point until, handler tell);

  std::function<void()> on_ready;  // a server is connected (again)

 private:
  using link_ptr = std::shared_ptr<redis_link>;
  struct request;

  link_ptr link_to(const std::string& node);
  link_ptr add_link(const config::address& at);
  link_ptr link_for(std::string_view key);
  bool send(const std::shared_ptr<request>& what, const link_ptr& to, bool asking);
  void take(const std::shared_ptr<request>& what, const link_ptr& from, outcome how, replies& got);
  bool follow(const std::shared_ptr<request>& what, const link_ptr& from, const redis_redirect& where);
  void learn_slots();
  void drop_strangers();

  worker& on_;
  resolver& names_;
  const config::redis_server where_;
  std::map<std::string, link_ptr> links_;  // by "host:port", as the cluster writes it
  redis_slots slots_;                      // of a cluster
  bool learning_ = false;
  steady::time_point learned_{};
};

}  // namespace forebay
