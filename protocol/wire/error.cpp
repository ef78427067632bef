#include "protocol/wire/error.hpp"

#include <string>

namespace forebay::wire {
namespace {

// Boost keeps the base's destructor protected, which GCC 12 takes for accessible.
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class wire_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "postgresql protocol"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::length_too_small:
        return "length field too small";
      case errc::length_too_large:
        return "length field too large";
      case errc::truncated:
        return "message ends inside a field";
      case errc::trailing_bytes:
        return "message goes on after its last field";
      case errc::bad_value:
        return "field holds an impossible value";
    }
    return "unknown";
  }
};

}  // namespace

const boost::system::error_category& category() {
  static const wire_category instance;
  return instance;
}

}  // namespace forebay::wire
