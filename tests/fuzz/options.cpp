#include "input.hpp"
#include "session/handshake.hpp"

// The startup packet's `options`: settings with names, or the word that is none.
namespace forebay::fuzz {
namespace {

void run(std::string_view text) {
  std::string bad_word;
  const auto settings = parse_options(text, bad_word);
  if (!settings) return expect(!bad_word.empty() && bad_word.size() <= text.size());
  std::size_t size = 0;
  for (const auto& [name, value] : *settings) {
    expect(!name.empty() && name.find_first_of("=-") == name.npos);
    size += name.size() + value.size() + 3;  // at least "-c" or "--", and "="
  }
  expect(size <= text.size());
}

std::vector<std::string> seeds() {
  return {"-c search_path=app,public -cwork_mem=1MB --statement-timeout=5s",
          "-c  a=b\\ c\\\\ --x=",
          "-c",
          "  ",
          "--=x",
          "word"};
}

const registered here{{"options", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
