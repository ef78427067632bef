#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "pool/pool.hpp"
#include "session/state_log.hpp"

// LISTEN in transaction mode: the channels that clients of one database (and client_encoding) listen to, over one
// server connection that is held for as long as there are any.
//
//   session: commits a LISTEN -> settle() -> waits -> on_channels_settled() -> tells its client
//   server:  NotificationResponse -> on_notification() of each session that listens to its channel
//
// A hub lives on one worker, that of the first who listens, and is there until the process ends.
namespace forebay {

class session;
struct proxy;

struct notification {
  std::uint32_t pid = 0;
  std::string channel, payload;
};

class channel_hub : public pool::waiter, public std::enable_shared_from_this<channel_hub> {
 public:
  channel_hub(proxy& process, worker& on, std::string database, std::string encoding);
  ~channel_hub() override;

  struct listener {
    std::weak_ptr<session> who;
    worker* home = nullptr;
    std::uint32_t number = 0;  // of the session
    std::string user;
  };
  // Any thread, these two. The first ends in session::on_channels_settled(), when the changes are made and all that was
  // notified before is handed out.
  void settle(listener who, std::vector<state_log::channel_change> changes);
  void leave(std::uint32_t number);

  void granted(checkout_result result) override;

  const worker& home() const { return on_; }
  const server_connection* server() const { return server_.get(); }  // on its worker

 private:
  // A query to the server, and what follows once it is answered. Sent again to the next server if this one is lost.
  struct errand {
    listener who;  // nobody: it has left, or this is housekeeping
    std::vector<state_log::channel_change> changes;
    bool housekeeping = false;
    std::string sql() const;
  };

  static void on_server(void* self, readiness what);
  void add(errand e);
  void connect();
  void send(const std::string& sql);
  void flush();
  void on_readable();
  void on_reply(const wire::piece& p);
  void finish(errand e, const wire::pg_error* failure);
  void remove(std::uint32_t number, const std::string* channel);
  void tidy();
  std::string user() const;
  void hand_out(const notification& n);
  void lose_server(const std::string& why);
  void let_go();
  void check();
  void give_up_waiting();
  bool unused() const { return channels_.empty() && errands_.empty(); }

  proxy& process_;
  worker& on_;
  const std::string database_, encoding_;
  std::shared_ptr<pool> pool_;  // while it has, or waits for, a connection
  server_ptr server_;
  std::map<std::string, std::vector<listener>> channels_;
  std::deque<errand> errands_;  // oldest first; sent, when there is a server
  bool renewing_ = false;       // the first answer of this server is to the channels listened to all together
  std::unique_ptr<wire::pg_error> failure_;  // of the query being answered
  bool check_due_ = false;
  steady::time_point waiting_since_{};
};

// The hubs of the process, by database and the client_encoding in which the server sends. Any thread.
class channel_directory {
 public:
  std::shared_ptr<channel_hub> hub_for(proxy& process, worker& on, const std::string& database,
                                       const std::string& encoding);
  // The connections held on this worker; on its thread.
  std::vector<const server_connection*> servers_at(const worker& on) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<channel_hub>> hubs_;  // by database and encoding
};

}  // namespace forebay
