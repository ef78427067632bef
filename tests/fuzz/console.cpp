#include "admin/console.hpp"

#include "core/log.hpp"
#include "input.hpp"
#include "net/resolver.hpp"
#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"

// The console's conversation: any messages, each answered once and by messages.
namespace forebay::fuzz {
namespace {

std::shared_ptr<const config::settings> some_settings() {
  auto s = std::make_shared<config::settings>();
  s->clusters = {{"main", {{.host = "db.example"}}}};
  s->databases = {{.name = "app", .cluster = "main"}};
  s->users = {{.name = "root", .admin = true}, {.name = "watcher", .stats = true}};
  return s;
}

// A proxy whose one worker has no thread: what is posted to it runs when we say so.
struct house {
  house() {
    log_setup("off", false);
    pools.reconfigure(some_settings());
    process.set_settings(some_settings());
    process.shards.push_back(std::make_unique<shard>(process, only));
  }

  asio::io_context control{1};
  worker only{0};
  resolver names{control};
  connector connect{names, [](const node&, const wire::pg_error&) {}};
  pool_directory pools{{&only}, [](std::shared_ptr<pool>, worker&) {}};
  monitor watch{{}};
  proxy process{pools, connect, watch, names};
  control_surface surface{process, [] { return reload_result{}; }, [](bool) {}, [] { return false; }, {}, "1.2.3"};
  console_factory factory = make_console_factory(surface);
};

void run(std::string_view bytes) {
  static house h;
  h.pools.resume("");
  input in(bytes);
  const auto session = h.factory(*h.process.settings(), in.below(4) == 3 ? "watcher" : "root");
  for (bool open = true; open && !in.empty();) {
    const auto [type, body] = in.next_message();
    int answers = 0;
    session->message(type, body, [&](console_session::answer a) {
      ++answers;
      open = !a.close;
      reframed stream;
      expect(stream.feed(a.bytes) && stream.at_boundary());
    });
    h.only.run_posted();
    expect(answers == 1);
  }
}

std::vector<std::string> seeds() {
  const auto session = [](const auto&... messages) {
    return in_u8(0) + (std::string() + ... + wire::encode(messages));
  };
  std::vector<std::string> all{
      session(wire::parse{"s", "show pools"}, wire::bind{"p", "s", {}, {}, {0}}, wire::describe{'S', "s"},
              wire::describe{'P', "p"}, wire::execute{"p", 1}, wire::execute{"p"}, wire::close{'P', "p"}, wire::sync{}),
      session(wire::parse{"", "nonsense"}, wire::bind{}, wire::flush{}, wire::sync{}),
      session(wire::query{"pause; resume; pause app; kill app; resume app; reconnect; reload"},
              wire::query{"show nothing"})};
  for (const auto* what : {"lists", "stats", "databases", "clients", "servers", "config", "help", "version", "mem"})
    all.push_back(session(wire::query{std::string("show ").append(what)}));
  return all;
}

const registered here{{"console", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
