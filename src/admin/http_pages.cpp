#include "admin/http_pages.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "admin/metrics.hpp"

namespace forebay::admin {
namespace {

namespace json = boost::json;

const char* role_of(const cluster_view& view, std::size_t index) {
  if (view.primary == index) return "primary";
  return view.nodes[index].role == node_view::role::replica ? "replica" : "unknown";
}

bool serves(const cluster_view& view, std::size_t index) {
  const auto& n = view.nodes[index];
  const auto& by = view.primary == index ? n.state->writes : n.state->reads;
  return n.up && !n.draining && by.look(steady::now()).state != breaker::state::open;
}

bool any_serves(const cluster_view& view) {
  for (std::size_t i = 0; i < view.nodes.size(); ++i)
    if (serves(view, i)) return true;
  return false;
}

// Why clients should go to another proxy; empty: they need not.
std::string why_not_ready(const control_surface& surface) {
  std::string why;
  if (surface.stopping()) why += "shutting down\n";
  const auto views = surface.process.views();
  for (const auto& of : surface.process.settings()->clusters) {
    const auto view = std::ranges::find_if(views, [&](const auto& v) { return v->name == of.name; });
    const bool known = view != views.end();
    if (!known || !any_serves(**view))
      why += "cluster " + of.name + (known ? ": no node serves\n" : ": not known yet\n");
  }
  return why;
}

// What a server says before anybody has logged in may be in any encoding.
std::string ascii(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return text;
}

json::object status_of_node(const cluster_view& view, std::size_t index) {
  const auto& n = view.nodes[index];
  json::object node{{"name", n.name}, {"role", role_of(view, index)}, {"up", n.up}, {"drained", n.draining}};
  if (!n.reason.empty()) node["reason"] = ascii(n.reason);
  if (n.replay_lag) node["replay_lag_ms"] = n.replay_lag->count();
  if (n.lag_bytes) node["lag_bytes"] = *n.lag_bytes;
  node["reads_breaker"] = to_string(n.state->reads.look(steady::now()).state);
  node["writes_breaker"] = to_string(n.state->writes.look(steady::now()).state);
  return node;
}

std::string status(const control_surface& surface) {
  const auto up_for = std::chrono::system_clock::now() - surface.started_at;
  json::array clusters;
  for (const auto& view : surface.process.views()) {
    json::array nodes;
    for (std::size_t i = 0; i < view->nodes.size(); ++i)
      nodes.push_back(status_of_node(*view, i));
    clusters.push_back(json::object{{"name", view->name}, {"nodes", std::move(nodes)}});
  }
  const json::object all{{"version", surface.version},
                         {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(up_for).count()},
                         {"ready", why_not_ready(surface).empty()},
                         {"draining", surface.stopping()},
                         {"clients", surface.process.clients.load()},
                         {"max_clients", surface.process.settings()->listen.max_clients},
                         {"clusters", std::move(clusters)}};
  return json::serialize(all) + '\n';
}

// A page that is there at once.
http_page_maker at_once(http_page_writer write) {
  return [write = std::move(write)](const std::function<void(http_page_writer)>& done) { done(write); };
}

}  // namespace

http_pages make_http_pages(const control_surface& surface) {
  http_pages pages;
  pages["/health"] = at_once([] { return http_page{.body = "ok\n"}; });
  pages["/ready"] = at_once([&surface] {
    auto why = why_not_ready(surface);
    return why.empty() ? http_page{.body = "ok\n"} : http_page{.status = 503, .body = std::move(why)};
  });
  pages["/status"] = at_once([&surface] { return http_page{.type = "application/json", .body = status(surface)}; });
  pages["/metrics"] = [&surface](std::function<void(http_page_writer)> done) {
    make_metrics(surface, [done = std::move(done)](std::function<std::string()> text) {
      done([text = std::move(text)] {
        return http_page{.type = "text/plain; version=0.0.4; charset=utf-8", .body = text()};
      });
    });
  };
  std::string list = "Forebay " + surface.version + '\n';
  for (const auto& [path, made] : pages)
    list += path + '\n';
  pages["/"] = at_once([list] { return http_page{.body = list}; });
  return pages;
}

}  // namespace forebay::admin
