#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

// Ways in which bytes can fail to be PostgreSQL protocol.
namespace forebay::wire {

enum class errc {
  length_too_small = 1,  // a length field below its minimum
  length_too_large,      // a length field above what PostgreSQL itself accepts
  truncated,             // the body ends inside a field
  trailing_bytes,        // the body goes on after its last field
  bad_value,             // a field holds a value the manual does not list
};

const boost::system::error_category& category();
inline boost::system::error_code make_error_code(errc e) {
  return {static_cast<int>(e), category()};
}

template <class T>
using result = boost::system::result<T, boost::system::error_code>;

}  // namespace forebay::wire

template <>
struct boost::system::is_error_code_enum<forebay::wire::errc> : std::true_type {};
