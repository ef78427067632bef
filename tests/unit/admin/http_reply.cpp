#include "admin/http_reply.hpp"

#include <brotli/decode.h>
#include <doctest/doctest.h>
#include <zlib.h>

namespace forebay::admin {
namespace {

std::string large() {
  std::string text;
  for (int i = 0; i < 200; ++i)
    text += "forebay_line{number=\"" + std::to_string(i) + "\"} 1\n";
  return text;
}

http_reply reply(std::string body, std::string_view accepted = {}, std::string_view has = {}, unsigned status = 200) {
  return make_http_reply({.status = status, .body = std::move(body)}, accepted, has);
}

std::string unpacked(const http_reply& r) {
  std::string out(100'000, '\0');
  if (r.encoding.empty()) return r.body;
  if (r.encoding == "br") {
    std::size_t size = out.size();
    REQUIRE(BrotliDecoderDecompress(r.body.size(), reinterpret_cast<const std::uint8_t*>(r.body.data()), &size,
                                    reinterpret_cast<std::uint8_t*>(out.data())) == BROTLI_DECODER_RESULT_SUCCESS);
    out.resize(size);
    return out;
  }
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, r.encoding == "gzip" ? 15 + 16 : 15) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(r.body.data()));
  stream.avail_in = static_cast<uInt>(r.body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST_CASE("http_reply: what a client can read") {
  struct {
    const char *accepted, *encoding;
  } const cases[] = {
      {"", ""},
      {"gzip", "gzip"},
      {"gzip, deflate, br", "br"},
      {"gzip, deflate", "gzip"},
      {"deflate", "deflate"},
      {" GZip ; q=0.8 ,deflate;q=0.9", "deflate"},
      {"br;q=0, gzip;q=0.001", "gzip"},
      {"*", "br"},
      {"*;q=0.5, br;q=0", "gzip"},
      {"gzip;q=0", ""},
      {"gzip;q=2", ""},
      {"gzip;q=", ""},
      {"gzip;q=0.5x", ""},
      {"gzip;level=9", ""},
      {"identity", ""},
      {"zstd, x-gzip", ""},
      {",,;,", ""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.accepted);
    const auto r = reply(large(), c.accepted);
    CHECK(r.encoding == c.encoding);
    CHECK(unpacked(r) == large());
    CHECK((r.body.size() < large().size() / 4) == !r.encoding.empty());
  }
}

TEST_CASE("http_reply: what is small goes as it is") {
  CHECK(reply(std::string(least_compressed - 1, 'x'), "gzip").encoding.empty());
  CHECK(reply(std::string(least_compressed, 'x'), "gzip").encoding == "gzip");
}

TEST_CASE("http_reply: what a client has is not sent again") {
  const auto first = reply("ok");
  CHECK(first.etag.size() == 26);
  CHECK(first.etag != reply("no").etag);
  for (const auto& has : {first.etag, "W/" + first.etag, "\"a\", " + first.etag, std::string("*")}) {
    const auto again = reply("ok", {}, has);
    CHECK(again.status == 304);
    CHECK(again.body.empty());
    CHECK(again.etag == first.etag);
  }
  CHECK(reply("ok", {}, "\"a\"").status == 200);
  CHECK(reply("no", {}, first.etag).body == "no");
  // Other bytes have another tag.
  const auto plain = reply(large()), packed = reply(large(), "gzip");
  CHECK(plain.etag != packed.etag);
  CHECK(reply(large(), "gzip", plain.etag).status == 200);
  CHECK(reply(large(), "gzip", packed.etag).status == 304);
}

TEST_CASE("http_reply: an error has no tag, and is always told") {
  const auto r = reply(large(), "gzip", "*", 503);
  CHECK(r.status == 503);
  CHECK(r.etag.empty());
  CHECK(unpacked(r) == large());
}

}  // namespace
}  // namespace forebay::admin
