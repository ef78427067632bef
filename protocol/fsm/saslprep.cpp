#include "protocol/fsm/saslprep.hpp"

#include <stringprep.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace forebay::fsm {
namespace {

struct c_free {
  void operator()(void* memory) const { std::free(memory); }
};
template <class T>
using c_array = std::unique_ptr<T[], c_free>;

// libidn's profile without NFKC: PostgreSQL looks for what is prohibited before it normalizes, the RFC afterwards.
// It matters for characters that NFKC changes, like U+0340 or U+2135.
const Stringprep_profile* without_nfkc() {
  static const auto profile = [] {
    std::vector<Stringprep_profile> steps;
    for (auto step = stringprep_saslprep; step->operation != 0; ++step) {
      if (step->operation != STRINGPREP_NFKC) steps.push_back(*step);
    }
    steps.push_back({});
    return steps;
  }();
  return profile.data();
}

}  // namespace

std::string saslprep(std::string_view password) {
  std::string as_it_is(password);
  const auto is_ascii = [](char c) { return static_cast<signed char>(c) >= 0; };
  if (password.size() > saslprep_max || std::all_of(password.begin(), password.end(), is_ascii)) return as_it_is;
  if (password.find('\0') != std::string_view::npos) return as_it_is;  // libidn would stop there

  std::size_t size = 0;
  const c_array<std::uint32_t> points(
      stringprep_utf8_to_ucs4(password.data(), static_cast<ssize_t>(password.size()), &size));
  if (!points) return as_it_is;  // no UTF-8
  // Nothing grows without NFKC, and the array has room for a zero at its end.
  if (stringprep_4i(points.get(), &size, size + 1, STRINGPREP_NO_UNASSIGNED, without_nfkc()) != STRINGPREP_OK ||
      size == 0) {
    return as_it_is;
  }
  const c_array<std::uint32_t> normal(stringprep_ucs4_nfkc_normalize(points.get(), static_cast<ssize_t>(size)));
  const c_array<char> text(normal ? stringprep_ucs4_to_utf8(normal.get(), -1, nullptr, nullptr) : nullptr);
  return text ? std::string(text.get()) : as_it_is;
}

}  // namespace forebay::fsm
