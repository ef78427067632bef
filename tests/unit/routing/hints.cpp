#include "routing/hints.hpp"

#include <doctest/doctest.h>

#include "config/notation.hpp"
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
    CHECK(hints_of(c.text).route == c.route);
  }
}

TEST_CASE("all hints are read in one pass, and what means nothing is passed over") {
  const auto shown = [](std::string_view text) {
    const auto h = hints_of(text);
    static constexpr std::string_view words[] = {"", "off", "on", "refresh"};
    std::string out(h.route);
    out += '|' + std::string(words[static_cast<std::size_t>(h.cache)]) + '|';
    if (h.ttl) out += config::to_string(*h.ttl);
    for (const auto tag : h.tags)
      out += "|" + std::string(tag);
    return out;
  };
  const struct {
    const char *text, *meaning;
  } cases[] = {
      {"select 1", "||"},
      {"", "||"},
      {"/* forebay: route=primary, cache=off, ttl=30s, tags=a+b */ select 1", "primary|off|30s|a|b"},
      {"/*forebay:cache=on*/select 1", "|on|"},
      {"/* forebay: CACHE = Refresh , TTL = 250ms */ select 1", "|refresh|250ms"},
      {"/* forebay: cache=off */ /* x */ /* forebay: ttl=1m, tags= a + c d */ select 1", "|off|1m|a|c d"},
      {"/* forebay: ttl=5s, ttl=6s */ /* forebay: ttl=7s, cache=on, cache=off */ select 1", "|on|5s"},
      {"/* forebay: tags=a */ /* forebay: tags=b */ select 1", "|||a"},
      {"/* forebay: cache=maybe, ttl=5, tags=+ */ /* forebay: cache=on, ttl=5s, tags=x */ select 1", "|on|5s|x"},
      {"/* forebay: ttl=0s, ttl=-1s, ttl=, cache=, route=, tags= */ select 1", "||"},
      {"/* forebay: tll=5s, cache, ,, =on */ select 1", "||"},
      {"/* forebay: tags=a++b+ */ select 1", "|||a|b"},
      {"select 1 /* forebay: cache=off, ttl=5s */", "||"},
      {"select '/* forebay: cache=off */'", "||"},
      {"/* forebay: cache=off", "||"},
      {"-- forebay: cache=off\nselect 1", "||"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(shown(c.text) == c.meaning);
  }
}

TEST_CASE("tags are a short list") {
  const auto tags = [](std::size_t length) {
    return hints_of("/* forebay: tags=" + std::string(length, 'a') + " */ select 1").tags.size();
  };
  CHECK(tags(1024) == 1);
  CHECK(tags(1025) == 0);
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
