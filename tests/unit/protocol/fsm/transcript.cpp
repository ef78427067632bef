#include "transcript.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>
#include <string>
#include <vector>

namespace forebay::fsm {
namespace {

using words = std::vector<std::string>;
using verdict = reply_tracker::verdict;

constexpr std::array<std::string_view, 13> names = {
    "Query", "Parse", "Bind",         "DescribeStatement", "DescribePortal", "Execute", "Close",
    "Sync",  "Flush", "FunctionCall", "CopyData",          "CopyDone",       "CopyFail"};

bool is_name(const std::string& word) {
  return std::find(names.begin(), names.end(), word) != names.end();
}
bool is_number(const std::string& word) {
  return std::isdigit(static_cast<unsigned char>(word[0]));
}

request to_request(const std::string& word) {
  const auto at = std::find(names.begin(), names.end(), word);
  REQUIRE_MESSAGE(at != names.end(), "no such request: " << word);
  return static_cast<request>(at - names.begin());
}

std::string text_of(const outcome& o) {
  return std::string(names[static_cast<std::size_t>(o.kind)]) + (o.id != 0 ? ' ' + std::to_string(o.id) : "");
}

// "Parse 1", "Bind" out of the words from `at` on.
std::vector<std::string> outcomes_in(const words& step, std::size_t at) {
  std::vector<std::string> found;
  for (; at < step.size(); ++at) {
    if (is_number(step[at]) && !found.empty()) {
      found.back() += ' ' + step[at];
    } else if (is_name(step[at])) {
      found.push_back(step[at]);
    }
  }
  return found;
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts)
    text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string texts_of(const std::vector<outcome>& outcomes) {
  std::vector<std::string> parts;
  for (const auto& o : outcomes)
    parts.push_back(text_of(o));
  return join(parts);
}

bool has(const words& step, std::string_view word) {
  return std::find(step.begin(), step.end(), word) != step.end();
}

const std::string data_error("C22P02\0\0", 8);

void send(reply_tracker& tracker, const words& step) {
  if (step[1] == "probe") return tracker.probe(step.size() > 2 ? std::optional(to_request(step[2])) : std::nullopt);
  auto what = action::forward;
  std::uint32_t id = 0;
  for (std::size_t i = 2; i < step.size(); ++i) {
    if (step[i] == "swallow") what = action::swallow;
    if (step[i] == "synthesize") what = action::synthesize;
    if (is_number(step[i])) id = static_cast<std::uint32_t>(std::stoul(step[i]));
  }
  tracker.sent(to_request(step[1]), what, id);
  const bool dropped = has(step, "dropped");
  CHECK_EQ(tracker.dropped().size(), dropped ? 1 : 0);
  if (dropped) CHECK_EQ(tracker.dropped().front(), outcome{to_request(step[1]), what, id});
}

void receive(reply_tracker& tracker, const words& step) {
  const char type = step[1][0];
  std::size_t at = 2;
  std::string body;
  if (type == 'Z' && at < step.size()) body = step[at++];
  if (type == 'E' && has(step, "data")) body = data_error;
  const auto expected = has(step, "violation")  ? verdict::violation
                        : has(step, "swallow")  ? verdict::swallow
                        : has(step, "withhold") ? verdict::withhold
                                                : verdict::forward;
  CHECK(tracker.received(type, body) == expected);
  const auto outcomes = outcomes_in(step, at);
  const bool drops = type == 'E' || has(step, "dropped");
  CHECK_EQ(tracker.completed() ? text_of(*tracker.completed()) : "", drops ? "" : join(outcomes));
  CHECK_EQ(texts_of(tracker.dropped()), drops ? join(outcomes) : "");
}

void take(reply_tracker& tracker, const words& step) {
  const auto taken = tracker.take_synthesized();
  CHECK_EQ(taken ? text_of(*taken) : "", join(outcomes_in(step, 1)));
}

void look(const reply_tracker& tracker, const words& step) {
  std::size_t owed = 0;
  for (std::size_t i = 1; i + 1 < step.size(); ++i) {
    if (step[i] == "owed") owed = std::stoul(step[i + 1]);
  }
  CHECK_EQ(tracker.owed(), owed);
  CHECK_EQ(tracker.unsynced(), has(step, "unsynced"));
  CHECK_EQ(tracker.skipping(), has(step, "skipping"));
  CHECK_EQ(tracker.copy_in(), has(step, "copy_in"));
  CHECK_EQ(tracker.in_doubt(), has(step, "doubt"));
  CHECK_EQ(tracker.skip_goes_on(), has(step, "skip"));
  CHECK_EQ(tracker.idle(), has(step, "idle"));
  CHECK_EQ(tracker.settled(), has(step, "idle") || has(step, "settled"));
}

}  // namespace

namespace {

// Whatever a transcript has come to: garbage is noticed, an error is taken, and what is owed then can be answered to
// the end.
void check_failure_here(const reply_tracker& so_far) {
  auto garbled = so_far;
  CHECK(garbled.received('?', {}) == reply_tracker::verdict::violation);
  auto failed = so_far;
  CHECK(failed.received('E', data_error) != reply_tracker::verdict::violation);
  if (failed.room_for(false) == reply_tracker::room::probe) failed.probe(std::nullopt);
  if (failed.skipping() || failed.unsynced()) failed.sent(request::sync);
  for (int left = 200; left > 0 && failed.owed() > 0; --left) {
    while (failed.take_synthesized()) {
    }
    if (auto told = failed; failed.in_doubt() && told.received('3', {}) != reply_tracker::verdict::violation) {
      failed = std::move(told);
    }
    auto answered = failed;
    if (failed.owed() > 0 && answered.received('Z', "I") == reply_tracker::verdict::violation) {
      answered = failed;
      CHECK(answered.received('E', data_error) != reply_tracker::verdict::violation);
    }
    failed = std::move(answered);
  }
  CHECK((failed.settled() || failed.in_doubt()));
}

}  // namespace

void play(reply_tracker& tracker, std::string_view transcript) {
  std::string line, text;
  std::istringstream lines{std::string(transcript)};
  while (std::getline(lines, line)) {
    std::istringstream steps(line.substr(0, line.find('#')));
    while (std::getline(steps, text, ';')) {
      std::istringstream in(text);
      words step;
      for (std::string word; in >> word;)
        step.push_back(word);
      if (step.empty()) continue;
      CAPTURE(line);
      CAPTURE(text);
      if (step[0] == ">") {
        send(tracker, step);
      } else if (step[0] == "<") {
        check_failure_here(tracker);
        receive(tracker, step);
      } else if (step[0] == "~") {
        take(tracker, step);
      } else {
        REQUIRE_EQ(step[0], "=");
        look(tracker, step);
      }
    }
  }
}

}  // namespace forebay::fsm
