#include "protocol/wire/copy.hpp"

#include "support.hpp"

using namespace forebay::wire;
using namespace forebay::wire::test;

TEST_CASE("copy: data is taken as it is") {
  check_bytes(copy_data{"1\tone\n"},
              "d\0\0\0\x0a"
              "1\tone\n"sv);
  check_bytes(copy_data{"\0\xff\0"sv}, "d\0\0\0\x07\0\xff\0"sv);
  check_bytes(copy_data{}, "d\0\0\0\x04"sv);
}

TEST_CASE("copy: how it ends") {
  check_message(copy_done{}, "c\0\0\0\x04"sv);
  check_message(copy_fail{"no more"}, "f\0\0\0\x0cno more\0"sv);
  check_message(copy_fail{}, "f\0\0\0\x05\0"sv);
}

TEST_CASE("copy: the three responses") {
  check_message(copy_in_response{0, {0, 0}}, "G\0\0\0\x0b\0\0\x02\0\0\0\0"sv);
  check_message(copy_out_response{1, {1, 1, 1}}, "H\0\0\0\x0d\x01\0\x03\0\x01\0\x01\0\x01"sv);
  check_message(copy_both_response{0, {}}, "W\0\0\0\x07\0\0\0"sv);
}

TEST_CASE("copy: columns that are not there") {
  check_claim_fails<copy_in_response>("\0\xff\xff"sv);
  check_claim_fails<copy_out_response>("\0\xff\xff\0\0\0"sv);
  check_claim_fails<copy_both_response>("\0\0\x02\0\0\0"sv);
}
