#include "routing/health.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <utility>
#include <vector>

#include "config/notation.hpp"
#include "core/log.hpp"

namespace forebay {
namespace {

using namespace std::chrono_literals;

// A cluster of the nodes a, b, c in words, so that a test reads as a table of what happened and what is then known:
//   "a writes 1:500"       it answers: not in recovery, on timeline 1, at position 500
//   "b replays 1:480"      it answers: in recovery, receives timeline 1. "?:480": which one is not told; "?1:480": but
//   its
//                          control file tells of 1. "stale 3s" after it: its stream is lost, and what it has replayed
//                          old
//   "other" at the end     of another cluster
//   "a fails" "a suspected" "wait 2s" "b at 490" (the short question)
// Known is of each node: primary, time/bytes that a replica is behind ("?": not known), up (in no role), refused, down.
struct table {
  explicit table(std::size_t nodes = 3, config::health limits = {}) {
    log_setup("off", false);
    settings.health = limits;
    cluster.name = "main";
    for (std::size_t i = 0; i < nodes; ++i)
      cluster.nodes.push_back({.host = std::string(1, static_cast<char>('a' + i))});
    configure();
  }

  void configure() { health.configure(cluster, settings); }

  static lsn position(const std::string& number) { return {std::stoull(number)}; }

  void answer(std::size_t who, bool in_recovery, std::istringstream& words) {
    std::string where, more;
    words >> where;
    const auto colon = where.find(':');
    probe_answer said{.in_recovery = in_recovery, .system = "7000"};
    auto timeline = where.substr(0, colon);
    if (timeline.starts_with('?')) {
      if (timeline.size() > 1) said.on_disk = static_cast<std::uint32_t>(std::stoul(timeline.substr(1)));
    } else {
      said.timeline = static_cast<std::uint32_t>(std::stoul(timeline));
    }
    said.position = said.received = position(where.substr(colon + 1));
    said.receives = in_recovery;
    while (words >> more) {
      if (more == "other") said.system = "7001";
      if (more != "stale") continue;
      words >> more;
      said.receives = false;
      said.since_replayed = config::parse_duration(more).value();
    }
    health.answered(who, said, 1ms, now, now);
  }

  void happens(const std::string& step) {
    std::istringstream words(step);
    std::string who, what, number;
    words >> who >> what;
    if (who == "wait") {
      now += config::parse_duration(what).value();
      return;
    }
    const auto i = static_cast<std::size_t>(who[0] - 'a');
    if (what == "writes") answer(i, false, words);
    if (what == "replays") answer(i, true, words);
    if (what == "fails") health.failed(i, "refused");
    if (what == "suspected") health.suspected(i, "lost");
    if (what == "at") {
      words >> number;
      const auto in_recovery = health.primary() != i;
      CHECK(health.came_to(i, {in_recovery, position(number)}, now));
    }
  }

  std::string known() {
    std::string text;
    const auto view = health.view();
    for (std::size_t i = 0; i < view->nodes.size(); ++i) {
      const auto& n = view->nodes[i];
      CHECK((view->primary == i) == (n.up && n.role == node_view::role::primary));
      CHECK(n.up == n.reason.empty());
      text += (i == 0 ? "" : " ");
      if (!n.up) {
        text += n.reason == "refused" || n.reason == "not asked yet" || n.reason == "lost" ? "down" : "refused";
      } else if (n.role == node_view::role::replica) {
        text += n.replay_lag ? config::to_string(*n.replay_lag) : "?";
        text += '/' + (n.lag_bytes ? std::to_string(*n.lag_bytes) : "?");
      } else {
        text += n.role == node_view::role::primary ? "primary" : "up";
      }
    }
    return text;
  }

  // Steps are divided by ", ".
  void play(const std::vector<std::pair<std::string, std::string>>& rows) {
    for (const auto& [steps, then] : rows) {
      CAPTURE(steps);
      for (std::size_t from = 0; from < steps.size();) {
        const auto end = std::min(steps.find(", ", from), steps.size());
        happens(steps.substr(from, end - from));
        from = end + 2;
      }
      CHECK(known() == then);
    }
  }

  config::settings settings;
  config::cluster cluster;
  cluster_health health{"main"};
  steady::time_point now = steady::time_point(1h);
};

// The state that most tables begin with.
const std::pair<std::string, std::string> all_well = {"a writes 1:500, b replays 1:500, c replays 1:500",
                                                      "primary 0s/0 0s/0"};

TEST_CASE("from the start one good answer is enough, but the primary is named once all were heard") {
  table t;
  t.play({{"", "down down down"},
          {"a writes 1:500", "up down down"},
          {"b replays 1:500", "up 0s/? down"},
          {"c fails", "primary 0s/0 down"},
          {"c replays 1:500", "primary 0s/0 0s/0"}});
  CHECK(t.health.view()->nodes[2].since == steady::time_point{});
}

TEST_CASE("down after fall failures in a row, up again after rise answers") {
  table t(3, {.rise = 3, .fall = 2});
  t.play({all_well,
          {"b fails", "primary 0s/0 0s/0"},
          {"b replays 1:500, b fails", "primary 0s/0 0s/0"},
          {"b fails", "primary down 0s/0"},
          {"b replays 1:500, b replays 1:500, b fails", "primary down 0s/0"},
          {"b replays 1:500, b replays 1:500", "primary down 0s/0"},
          {"wait 1s, b replays 1:500", "primary 0s/0 0s/0"}});
  CHECK(t.health.view()->nodes[1].since == t.now);
}

TEST_CASE("a suspicion counts like a failure, but a probe has the last word") {
  table t(3, {.fall = 3});
  t.play({all_well,
          {"b suspected, b suspected, b suspected, b suspected, a writes 1:500", "primary 0s/0 0s/0"},
          {"b fails", "primary down 0s/0"},
          {"c suspected, c replays 1:500, c fails, c fails", "primary down 0s/0"},
          {"c fails", "primary down down"}});
  table strict(2, {.fall = 1});
  strict.play(
      {{"a writes 1:1, b replays 1:1, b suspected, a writes 1:1", "primary 0s/0"}, {"b fails", "primary down"}});
}

TEST_CASE("a role in the configuration is a claim") {
  table t;
  t.cluster.nodes[0].role = config::node_role::primary;
  t.cluster.nodes[1].role = config::node_role::replica;
  t.configure();
  t.play({{"a replays 1:500, b writes 1:500, c replays 1:500", "0s/? refused 0s/?"},
          {"c writes 2:600", "?/? refused primary"}});
  CHECK(t.health.view()->nodes[1].reason == "said to be a replica, but it takes writes");
}

TEST_CASE("a promotion is seen, and the old primary does not come back by itself") {
  table t;
  t.play({all_well,
          {"a fails, a fails", "down 0s/0 0s/0"},
          {"b writes 2:510", "down primary ?/?"},
          {"c replays 2:510", "down primary 0s/0"},
          {"a writes 1:700, a writes 1:700", "refused primary 0s/0"},
          // Its writes since are on a line that nobody else has.
          {"b fails, b fails", "refused down 0s/0"},
          {"b writes 2:520, b writes 2:520", "refused primary 0s/0"},
          {"a replays 2:520", "0s/0 primary 0s/0"},
          {"b fails, b fails, a writes 3:530", "primary down ?/?"}});
  CHECK(t.health.view()->written == lsn{530});
}

TEST_CASE("of two primaries the higher timeline wins") {
  table t;
  t.play({all_well, {"c writes 2:510", "refused ?/? primary"}, {"a writes 1:900", "refused ?/? primary"}});
  CHECK(t.health.view()->nodes[0].reason == "takes writes on timeline 1, but the primary is c:5432 on timeline 2");
}

TEST_CASE("of two primaries on one timeline the present one stays, or there is none") {
  table t;
  t.play({all_well,
          {"c writes 1:800", "primary 0s/0 refused"},
          {"a fails, a fails", "down 0s/0 refused"},  // what it has written is not on c
          {"a writes 1:510, a writes 1:510", "primary 0s/0 refused"},
          {"c replays 1:510", "primary 0s/0 0s/0"}});
  table none;
  none.play({{"a writes 1:500, b writes 1:500, c replays 1:500", "refused refused 0s/?"},
             {"b fails, b fails", "primary down 0s/0"},
             {"b writes 1:500, b writes 1:500", "primary refused 0s/0"}});
}

TEST_CASE("a node of another cluster is refused") {
  table t;
  t.play({{"a writes 1:500 other, b writes 1:500, c replays 1:500", "refused primary 0s/0"}});
  CHECK(t.health.view()->nodes[0].reason == "belongs to another cluster: its system identifier is 7001, not 7000");
  // Once a primary is known most nodes do not count, until none of its cluster is left.
  t.play({{"c replays 1:500 other", "refused primary refused"},
          {"b fails, b fails", "refused down refused"},
          {"b replays 1:500 other", "primary down 0s/0"}});
}

TEST_CASE("lag: an idle primary makes none, a broken stream does under writes") {
  table t(2);
  t.play({{"a writes 1:500, b replays 1:500", "primary 0s/0"},
          {"wait 1h, a writes 1:500, b replays 1:500 stale 1h", "primary 0s/0"},
          {"wait 1s, a writes 1:600, b replays 1:500 stale 1h", "primary 1s/100"},
          {"wait 1s, a writes 1:700, b replays 1:500 stale 1h", "primary 2s/200"},
          {"b replays 1:600", "primary 1s/100"},
          {"b replays 1:650", "primary 1s/50"},
          {"b replays 1:700", "primary 0s/0"}});
}

TEST_CASE("lag of a replica that was behind before the history begins is what it says") {
  table t(2);
  t.play({{"a writes 1:500, b replays 1:400", "primary ?/100"},
          {"b replays 1:400 stale 7s", "primary 7s/100"},
          {"wait 1s, a writes 1:500, b replays 1:500", "primary 0s/0"}});
}

TEST_CASE("lag while no primary was ever seen is what the replica says") {
  table t(2);
  t.play({{"a fails, b replays 1:500", "down 0s/?"},
          {"b replays 1:500 stale 3s", "down 3s/?"},
          {"wait 1s, a writes 1:600, b replays 1:500 stale 3s", "primary 3s/100"}});
}

TEST_CASE("while the primary is down replicas are judged by what was last known of it") {
  table t;
  t.play({all_well,
          {"wait 1s, a writes 1:600, b replays 1:600, c replays 1:500", "primary 0s/0 1s/100"},
          {"a fails, a fails, wait 1h, b replays 1:600, c replays 1:500", "down 0s/0 1s/100"},
          {"c replays 1:600", "down 0s/0 0s/0"}});
}

TEST_CASE("after a change of primary a replica has to follow the new one") {
  table t(4);
  t.play({{"a writes 1:500, b replays ?:500, c replays ?:520, d replays ?:500", "primary 0s/0 0s/0 0s/0"},
          {"a fails, a fails, b writes 2:510", "down primary ?/? ?/?"},
          // c has replayed what was lost with a: its position says nothing of what b has written.
          {"c replays ?:520, d replays ?1:510", "down primary ?/? ?/?"},
          {"d replays ?2:510", "down primary ?/? 0s/0"},
          {"d replays ?:510", "down primary ?/? 0s/0"},
          {"c replays 1:520", "down primary ?/? 0s/0"}});
  CHECK(t.health.view()->nodes[2].position == lsn{});
  CHECK_FALSE(t.health.is_behind(2));
  CHECK(t.health.view()->nodes[3].position == lsn{510});
}

TEST_CASE("the short question moves positions and asks for the long one when the role is another") {
  table t(2);
  t.play({{"a writes 1:500, b replays 1:500", "primary 0s/0"}, {"wait 1s, a at 600", "primary 0s/0"}});
  CHECK(t.health.is_behind(1));
  CHECK(t.health.view()->written == lsn{600});
  CHECK_FALSE(t.health.has_news());
  t.play({{"b at 550", "primary 1s/50"}, {"b at 600", "primary 0s/0"}});
  CHECK_FALSE(t.health.is_behind(1));
  CHECK_FALSE(t.health.came_to(1, {.in_recovery = false, .position = {700}}, t.now));
}

TEST_CASE("tickets are covered, never less than before") {
  table t(2);
  t.health.view();
  t.health.covers(3);
  CHECK(t.health.has_news());
  CHECK(t.health.view()->covered == 3);
  t.health.covers(2);
  CHECK_FALSE(t.health.has_news());
  CHECK(t.health.view()->covered == 3);
}

TEST_CASE("a reload keeps what is known of addresses that stay") {
  table t;
  t.play({all_well});
  const auto before = t.health.view();
  CHECK(t.health.drain("b:5432", true));
  CHECK_FALSE(t.health.drain("x:5432", true));
  t.cluster.nodes[1].weight = 5;
  t.configure();
  auto view = t.health.view();
  CHECK(view->generation == before->generation);
  CHECK(view->nodes[1].weight == 5);
  CHECK(view->nodes[1].draining);
  CHECK(view->nodes[1].state == before->nodes[1].state);
  std::swap(t.cluster.nodes[0], t.cluster.nodes[2]);
  t.cluster.nodes.push_back({.host = "d"});
  t.configure();
  view = t.health.view();
  CHECK(view->generation == before->generation + 1);
  CHECK(view->primary == 2);
  CHECK(view->nodes[1].draining);
  CHECK(view->nodes[0].state == before->nodes[2].state);
  t.play({{"", "0s/0 0s/0 primary down"}});
  t.cluster.nodes.pop_back();
  t.cluster.nodes.pop_back();
  t.configure();
  t.play({{"", "0s/0 0s/0"}});
  CHECK(t.health.view()->generation == before->generation + 2);
}

TEST_CASE("a node alone is the primary and up") {
  table t(1);
  t.play({{"", "primary"}});
  CHECK(t.health.has_news() == false);
}

TEST_CASE("zones") {
  table t(2);
  CHECK(t.health.view()->nodes[0].own_zone);
  t.settings.routing.zone = "east";
  t.cluster.nodes[0].zone = "east";
  t.configure();
  CHECK(t.health.view()->nodes[0].own_zone);
  CHECK_FALSE(t.health.view()->nodes[1].own_zone);
}

TEST_CASE("history: the lag is never told less than the moments known allow") {
  position_history h;
  const auto at = [](std::chrono::milliseconds ms) { return steady::time_point(1h) + ms; };
  CHECK(h.empty());
  CHECK_FALSE(h.behind({1}));
  h.add(at(0ms), {100});
  h.add(at(1000ms), {200});
  h.add(at(1010ms), {300});
  h.add(at(1020ms), {400});  // too near: 300 is given up
  h.add(at(2000ms), {500});
  CHECK_FALSE(h.behind({99}));
  CHECK(h.behind({100}) == 2000ms);
  CHECK(h.behind({250}) == 1000ms);
  CHECK(h.behind({350}) == 1000ms);
  CHECK(h.behind({400}) == 980ms);
  CHECK(h.behind({500}) == 0ms);
  h.add(at(3000ms), {500});
  CHECK(h.behind({500}) == 0ms);
  CHECK(h.behind({499}) == 1980ms);
}

}  // namespace
}  // namespace forebay
