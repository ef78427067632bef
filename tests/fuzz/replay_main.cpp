#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>

#include "target.hpp"

// Runs the targets without libFuzzer:
//   fuzz_replay TARGET          its seeds and some thousand mutations of them, always the same ones
//   fuzz_replay TARGET FILE...  these inputs, say one that libFuzzer has found
//   fuzz_replay --list          the targets' names
//   fuzz_replay --seeds FOLDER  writes the seeds as FOLDER/TARGET/seed_N; the folders must be there
namespace forebay::fuzz {
namespace {

constexpr int mutations = 4000;
constexpr std::size_t max_size = 8192;

std::string current;        // the input being run, for the report of a crash
std::string_view its_name;  // and its target

void report_crash() {
  const auto file = "crash-" + std::string(its_name);
  std::ofstream(file, std::ios::binary) << current;
  std::cerr << "the input is in " << file << std::endl;
}

void run(const target& t, std::string_view bytes) {
  current = bytes;
  its_name = t.name;
  // Memory of exactly this size, so that AddressSanitizer sees a read behind the end.
  const auto exact = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  t.run({exact.get(), bytes.size()});
}

class mutator {
 public:
  std::string mutate(std::string bytes, const std::vector<std::string>& seeds) {
    for (auto count = 1 + any(6); count > 0; --count)
      once(bytes, seeds);
    bytes.resize(std::min(bytes.size(), max_size));
    return bytes;
  }
  std::size_t any(std::size_t below) { return random_() % below; }

 private:
  void once(std::string& bytes, const std::vector<std::string>& seeds) {
    const auto at = any(bytes.size() + 1);
    const auto size = std::min(any(1 + any(64)), bytes.size() - at);
    switch (any(7)) {
      case 0:
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << any(8));
        break;
      case 1:
        if (at < bytes.size()) bytes[at] = static_cast<char>(random_());
        break;
      case 2:
        if (at < bytes.size()) bytes[at] = "\0\x01\x7f\x80\xff',=\\;"[any(10)];
        break;
      case 3:
        bytes.erase(at, size);
        break;
      case 4:
        bytes.insert(at, bytes.substr(any(bytes.size() + 1), any(64)));
        break;
      case 5:
        for (auto count = any(8); count > 0; --count)
          bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), static_cast<char>(random_()));
        break;
      default: {
        const auto& other = seeds[any(seeds.size())];
        bytes.replace(at, std::string::npos, other, any(other.size() + 1));
      }
    }
  }

  std::mt19937 random_{1};
};

void replay(const target& t) {
  const auto seeds = t.seeds();
  run(t, {});
  for (const auto& seed : seeds)
    run(t, seed);
  mutator m;
  auto pool = seeds;
  for (int i = 0; i < mutations; ++i) {
    auto bytes = m.mutate(pool[m.any(pool.size())], pool);
    run(t, bytes);
    if (i % 8 == 0) pool.push_back(std::move(bytes));  // some go on from there
  }
  std::cout << t.name << ": " << seeds.size() << " seeds, " << mutations << " mutations\n";
}

int main(const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"--list"}) {
    for (const auto& t : targets())
      std::cout << t.name << '\n';
    return 0;
  }
  if (arguments.size() == 2 && arguments[0] == "--seeds") {
    for (const auto& t : targets()) {
      int number = 0;
      for (const auto& seed : t.seeds()) {
        const auto file = arguments[1] + '/' + std::string(t.name) + "/seed_" + std::to_string(number++);
        if (!(std::ofstream(file, std::ios::binary) << seed)) throw std::runtime_error("cannot write " + file);
      }
    }
    return 0;
  }
  for (const auto& t : targets()) {
    if (arguments.empty() || arguments[0] != t.name) continue;
    if (arguments.size() == 1) replay(t);
    for (std::size_t i = 1; i < arguments.size(); ++i) {
      std::ifstream in(arguments[i], std::ios::binary);
      run(t, std::string(std::istreambuf_iterator<char>(in), {}));
    }
    return 0;
  }
  std::cerr << "usage: fuzz_replay TARGET [FILE...] | --list | --seeds FOLDER\n";
  return 2;
}

}  // namespace
}  // namespace forebay::fuzz

// There under a sanitizer only, which ends the process its own way.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*)());

int main(int argc, char** argv) {
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(forebay::fuzz::report_crash);
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS}) {
    if (signal != SIGABRT && __sanitizer_set_death_callback) continue;
    std::signal(signal, [](int) {
      forebay::fuzz::report_crash();
      std::_Exit(1);
    });
  }
  return forebay::fuzz::main({argv + 1, argv + argc});
}
