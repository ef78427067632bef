#include <map>

#include "admin/functions.hpp"
#include "admin/gather_shards.hpp"
#include "core/log.hpp"

// What is known of the nodes, and where requests went.
namespace forebay::admin {
namespace {

std::string role_text(const cluster_view& view, std::size_t index) {
  const auto& node = view.nodes[index];
  if (view.primary == index) return "primary";
  if (node.role == node_view::role::primary) return "primary (not used)";
  return node.role == node_view::role::replica ? "replica" : "unknown";
}

std::string state_text(const node_view& node) {
  if (!node.up) return "down";
  return node.draining ? "drained" : "up";
}

// Server connections by the node's name.
std::map<std::string, std::uint32_t> open_by_node(const proxy& process) {
  std::map<std::string, std::uint32_t> open;
  for (const auto& each : process.pools.all())
    open[each.pool->node()->name()] += each.pool->state(steady::now()).open;
  return open;
}

row breaker_row(const cluster_view& view, const node_view& node, const char* direction, const breaker& of) {
  const auto now = steady::now();
  const auto s = of.look(now);
  const bool open = s.state == breaker::state::open;
  const auto left = open && s.until > now ? std::chrono::duration_cast<std::chrono::milliseconds>(s.until - now)
                                          : std::chrono::milliseconds(0);
  return {view.name,
          node.name,
          std::string(direction),
          std::string(to_string(s.state)),
          s.reason,
          number(left.count()),
          number(s.failures_in_a_row),
          number(s.requests),
          number(s.failures),
          number(s.opened),
          number(s.refused)};
}

void set_drained(invocation in, bool yes) {
  std::string name;
  for (const auto& each : in.arguments)
    name += each.text;
  log_info("console_command", {{"command", yes ? "NODE DRAIN" : "NODE RESUME"}, {"node", name}});
  if (!in.process().watch.drain(name, yes)) {
    return in.done(failed(error("42704", "no such node: " + name, "SHOW NODES lists them, as host:port.")));
  }
  in.done({});
}

}  // namespace

void show_nodes(invocation in) {
  auto open = open_by_node(in.process());
  std::vector<row> out;
  for (const auto& view : in.process().views()) {
    for (std::size_t i = 0; i < view->nodes.size(); ++i) {
      const auto& n = view->nodes[i];
      const auto& state = *n.state;
      out.push_back(
          {view->name, n.name, role_text(*view, i), state_text(n), n.reason,
           std::string(to_string((view->primary == i ? state.writes : state.reads).look(steady::now()).state)),
           n.replay_lag ? number(n.replay_lag->count()) : cell(), n.lag_bytes ? number(*n.lag_bytes) : cell(),
           number(n.latency.count()), number(open[n.name]), number(state.in_flight.load()),
           number(state.routed_reads.load()), number(state.routed_writes.load()), number(n.weight),
           number(n.priority)});
    }
  }
  in.done(rows(std::move(out)));
}

void show_breakers(invocation in) {
  std::vector<row> out;
  for (const auto& view : in.process().views()) {
    for (const auto& n : view->nodes) {
      out.push_back(breaker_row(*view, n, "reads", n.state->reads));
      out.push_back(breaker_row(*view, n, "writes", n.state->writes));
    }
  }
  in.done(rows(std::move(out)));
}

// Those that went to a primary, by the reason; those that did not, by their number.
void show_routes(invocation in) {
  auto& process = in.process();
  gather_reasons(process, &shard::reasons, [in = std::move(in)](const reason_counts& all) {
    std::vector<row> out;
    for (const auto& view : in.process().views())
      for (const auto& n : view->nodes)
        if (const auto reads = n.state->routed_reads.load(); reads != 0)
          out.push_back({std::string("replica"), n.name, std::string(), number(reads)});
    for (const auto& [reason, count] : all)
      out.push_back({std::string("primary"), std::string(), reason, number(count)});
    in.done(rows(std::move(out)));
  });
}

void node_drain(invocation in) {
  set_drained(std::move(in), true);
}

void node_resume(invocation in) {
  set_drained(std::move(in), false);
}

}  // namespace forebay::admin
