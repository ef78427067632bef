#include "routing/hints.hpp"

#include <doctest/doctest.h>

#include "core/lsn.hpp"

namespace forebay {
namespace {

TEST_CASE("a hint is in a comment ahead of the statement") {
  struct {
    const char *text, *route;
  } const cases[] = {
      {"/* forebay: route=primary */ select 1", "primary"},
      {"  /*forebay:route=replica*/select 1", "replica"},
      {"/* forebay: cache=off, route = replica, ttl=30s */ select 1", "replica"},
      {"/* traced by somebody */ /* forebay: route=primary */ select 1", "primary"},
      {"/* forebay: cache=off */ /* forebay: ROUTE=primary */ select 1", "primary"},
      {"/* forebay: route=primary */ /* forebay: route=replica */ select 1", "primary"},
      {"/* a /* nested */ one */ /* forebay: route=replica */ select 1", "replica"},
      {"/* forebay: route=nowhere */ select 1", "nowhere"},
      {"select 1 /* forebay: route=primary */", ""},
      {"select '/* forebay: route=primary */'", ""},
      {"/* other: route=primary */ select 1", ""},
      {"/* forebay: reroute=primary */ select 1", ""},
      {"/* forebay: route */ select 1", ""},
      {"/* forebay: route=primary", ""},
      {"-- forebay: route=primary\nselect 1", ""},
      {"", ""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(hinted_route(c.text) == c.route);
  }
}

TEST_CASE("SHOW name") {
  CHECK(shown_setting("show forebay.last_route") == "forebay.last_route");
  CHECK(shown_setting(" SHOW\tforebay.last_route ; ") == "forebay.last_route");
  CHECK(shown_setting("showforebay.last_route").empty());
  CHECK(shown_setting("show").empty());
  CHECK(shown_setting("select 1").empty());
  CHECK(shown_setting("").empty());
}

TEST_CASE("positions as PostgreSQL writes them") {
  for (const auto* text : {"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "0/1A"})
    CHECK(lsn::parse(text)->text() == text);
  CHECK(lsn::parse("16/b374d848") == lsn{0x16'B374D848});
  CHECK(*lsn::parse("1/0") > *lsn::parse("0/FFFFFFFF"));
  for (const auto* text :
       {"", "/", "1", "1/", "/1", "g/1", "1/-1", " 1/1", "1/1 ", "123456789/0", "0/123456789", "1/1/1"}) {
    CAPTURE(text);
    CHECK_FALSE(lsn::parse(text));
  }
}

}  // namespace
}  // namespace forebay
