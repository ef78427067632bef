#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

// A fuzz target is one file: a function that takes any bytes, and seeds made from real messages. Clang's libFuzzer runs
// one target per executable (libfuzzer_main.cpp); every build runs all of them over their seeds and some thousand
// mutations as unit tests (replay_main.cpp).
namespace forebay::fuzz {

struct target {
  std::string_view name;
  void (*run)(std::string_view input);
  std::vector<std::string> (*seeds)();
};

// Those linked in.
std::vector<target>& targets();

// const registered here{{"framer", run, seeds}};
struct registered {
  explicit registered(target t) { targets().push_back(t); }
};

// What must hold whatever the input is. Unlike assert it is there in every build.
inline void expect(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: expectation failed\n", file, line);
  std::abort();
}

}  // namespace forebay::fuzz
