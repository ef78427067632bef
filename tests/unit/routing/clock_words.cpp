#include "routing/clock_words.hpp"

#include <doctest/doctest.h>

#include <string>

namespace forebay {
namespace {

TEST_CASE("clock_words: those that move, as whole words of letters, however they are written") {
  for (const std::string text : {"now",
                                 "select 'now'",
                                 "select 'NOW'::date",
                                 "'Today'",
                                 "'tomorrow 12:00'",
                                 "'yesterday'",
                                 "'12:00today'",
                                 "'today12:00'",
                                 "now_x",
                                 "'{now,2020-01-01}'",
                                 "'[today,)'",
                                 "'(\"now\")'",
                                 "$$now$$",
                                 "{n\\ow}",
                                 "(n\"o\"w)",
                                 "e'n\\x6fw'",
                                 "E'\\156ow'",
                                 "U&'\\006eow'",
                                 "u&'!006eow' uescape '!'",
                                 "'to'\n'day'",
                                 "'to' \t\r 'day'",
                                 "'to' -- a comment\n  'day'",
                                 "'to'--\n--\n'day'",
                                 "a now\xc3\xa9"}) {
    CAPTURE(text);
    CHECK(has_clock_words(text));
  }
}

TEST_CASE("clock_words: other texts have none") {
  for (const std::string text :
       {"", "'", "select 'nowhere', 'known', 'todays', 'yesterdays', 'xnow'", "'epoch', 'infinity', '-infinity'",
        "'1 day ago'", "'allballs'", "'no', 'w'", "'no' 'w'", "'no',\n'w'", "where a = 'no' -- a comment\n and b = 'w'",
        "'\\d+ \\. %'", "a & b", "select u & 'x'", "tomorrowtomorrow", "'n o w'", "n-o-w"}) {
    CAPTURE(text);
    CHECK(!has_clock_words(text));
  }
}

TEST_CASE("clock_words: no type is of both kinds") {
  for (const auto* type : {"date", "time", "timetz", "timestamp", "timestamptz", "tstzrange", "datemultirange"}) {
    CHECK(reads_clock_as_text(type));
    CHECK(!reads_no_clock(type));
  }
  for (const auto* type : {"int4", "text", "interval", "jsonb"}) {
    CHECK(!reads_clock_as_text(type));
    CHECK(reads_no_clock(type));
  }
}

}  // namespace
}  // namespace forebay
