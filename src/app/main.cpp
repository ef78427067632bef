#include <malloc.h>

#include <iostream>

#include "app/application.hpp"

int main(int argc, char** argv) {
  using namespace forebay;
  // What is large and rare, as a Parse that is kept whole, goes back to the system when it is freed. Left to itself
  // glibc keeps blocks of up to 32 MiB once it has seen one freed.
  mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
  const auto parsed = parse_options({argv + 1, static_cast<std::size_t>(argc - 1)});
  if (!parsed.error.empty()) {
    std::cerr << "forebay: " << parsed.error << '\n';
    return 2;
  }
  const auto& wanted = parsed.value;
  switch (wanted.what) {
    case options::action::help:
      std::cout << usage();
      return 0;
    case options::action::version:
      std::cout << version_text() << '\n';
      return 0;
    case options::action::check:
      return check(wanted, std::cout, std::cerr);
    case options::action::run:
      break;
  }
  auto loaded = load_settings(wanted);
  for (const auto& problem : loaded.warnings)
    std::cerr << "forebay: warning: " << config::to_string(problem) << '\n';
  for (const auto& problem : loaded.errors)
    std::cerr << "forebay: " << config::to_string(problem) << '\n';
  if (!loaded.settings) return 1;
  return application(wanted, std::move(*loaded.settings)).run();
}
