#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "core/password.hpp"
#include "routing/name_lookup.hpp"

struct pg_conn;

// One connection of the monitor, by libpq, that never blocks. One thread.
//
//   start(to);  then poll(fd(), events()), on_ready() ... until state() is idle;
//   ask(sql);   the same, until it is idle again: rows() are there, or error() says why not.
//   Whenever the state is failed: error() says why, and start() begins anew. A connection that is idle is worth polling
//   too: it fails when the server goes away.
namespace forebay {

class pq_connection {
 public:
  struct target {
    std::string host;
    std::uint16_t port = 5432;
    std::string user{};
    password_source password{};
    std::string dbname{};
    // As libpq calls and understands them.
    std::string sslmode{}, sslrootcert{}, sslcrl{}, sslcert{}, sslkey{}, ssl_min_protocol_version{};

    bool operator==(const target&) const = default;
  };
  static target target_of(const config::node& at, const config::settings::watcher& login,
                          const config::tls& secured_by);

  enum class state : std::uint8_t { closed, resolving, connecting, idle, asking, failed };
  using row = std::vector<std::string>;  // null as ""

  pq_connection() = default;
  ~pq_connection() { close(); }
  pq_connection(const pq_connection&) = delete;
  pq_connection& operator=(const pq_connection&) = delete;

  void start(const target& to);
  void close();
  void ask(const char* sql);  // one or more statements; the rows of the last one count
  void ask(const char* sql,
           const std::vector<std::string>& parameters);  // one statement; they are $1 and so on, as texts

  pq_connection::state state() const { return state_; }
  int fd() const;        // -1: nothing to wait for
  short events() const;  // for poll(2)
  void on_ready();
  // It was answered since this was asked last: also within ask(), where a server is quick and poll(2) has nothing to
  // tell.
  bool take_news() { return std::exchange(news_, false); }

  // Of what was asked last, or of the connection. One line, without what was sent.
  const std::string& error() const { return error_; }
  const std::string& sqlstate() const { return sqlstate_; }
  const std::vector<row>& rows() const { return rows_; }

 private:
  void connect();
  void connect_when_ready();
  void sent(bool well);
  void on_connecting();
  void on_asking();
  void fail();  // with libpq's words
  void fail(std::string why);

  enum state state_ = state::closed;
  target to_;
  std::shared_ptr<name_lookup> lookup_;
  std::shared_ptr<password_lookup> password_;
  pg_conn* pq_ = nullptr;
  short events_ = 0;
  bool news_ = false;
  std::string error_, sqlstate_;
  std::vector<row> rows_;
};

}  // namespace forebay
