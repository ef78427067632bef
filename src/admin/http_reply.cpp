#include "admin/http_reply.hpp"

#include <brotli/encode.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "core/parameters.hpp"

namespace forebay::admin {
namespace {

// In the order of our preference, where the client has none.
constexpr std::array<std::string_view, 3> encodings = {"br", "gzip", "deflate"};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Calls visit(element) for each of a comma separated list.
void for_each_element(std::string_view list, auto&& visit) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (const auto element = trimmed(list.substr(0, comma)); !element.empty()) visit(element);
    list = comma == list.npos ? std::string_view{} : list.substr(comma + 1);
  }
}

// In thousandths, as a weight has three digits at most. What is not understood is not wanted.
int weight_of(std::string_view parameters) {
  parameters = trimmed(parameters);
  if (parameters.empty()) return 1000;
  if (!same_name(parameters.substr(0, 2), "q=")) return 0;
  double weight = 0;
  const auto* end = parameters.data() + parameters.size();
  const auto [at, error] = std::from_chars(parameters.data() + 2, end, weight);
  return error == std::errc{} && at == end && weight >= 0 && weight <= 1 ? static_cast<int>(weight * 1000) : 0;
}

std::string_view best_encoding(std::string_view accepted) {
  std::array<int, encodings.size()> weights;
  weights.fill(-1);
  int others = 0;
  for_each_element(accepted, [&](std::string_view element) {
    const auto semicolon = element.find(';');
    const auto name = trimmed(element.substr(0, semicolon));
    const int weight = semicolon == element.npos ? 1000 : weight_of(element.substr(semicolon + 1));
    if (name == "*") others = weight;
    for (std::size_t i = 0; i < encodings.size(); ++i)
      if (same_name(name, encodings[i])) weights[i] = weight;
  });
  for (auto& w : weights)
    if (w < 0) w = others;
  const auto best = std::ranges::max_element(weights);
  return *best > 0 ? encodings[static_cast<std::size_t>(best - weights.begin())] : std::string_view{};
}

// Empty: it could not be made.
std::string by_zlib(std::string_view text, bool gzip) {
  constexpr int window = 15, gzip_header = 16, memory = 8;
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window + (gzip ? gzip_header : 0), memory,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return {};
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(done ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

std::string by_brotli(std::string_view text) {
  constexpr int quick = 4;  // of 0 to 11: smaller than gzip in less time
  std::size_t size = BrotliEncoderMaxCompressedSize(text.size());
  std::string out(size, '\0');
  const auto* from = reinterpret_cast<const std::uint8_t*>(text.data());
  auto* to = reinterpret_cast<std::uint8_t*>(out.data());
  const bool done = BrotliEncoderCompress(quick, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, text.size(), from, &size,
                                          to) == BROTLI_TRUE;
  out.resize(done ? size : 0);
  return out;
}

std::string compressed(std::string_view text, std::string_view encoding) {
  return encoding == "br" ? by_brotli(text) : by_zlib(text, encoding == "gzip");
}

std::string etag_of(std::string_view body, std::string_view encoding) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(body.data(), body.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  static constexpr char hex[] = "0123456789abcdef";
  std::string tag = "\"";
  for (std::size_t i = 0; i < 12; ++i) {
    tag += hex[digest[i] >> 4];
    tag += hex[digest[i] & 15];
  }
  if (!encoding.empty()) (tag += '-') += encoding;  // other bytes, so another tag
  return tag + '"';
}

bool matches(std::string_view if_none_match, std::string_view etag) {
  bool found = false;
  for_each_element(if_none_match, [&](std::string_view element) {
    if (element.starts_with("W/")) element.remove_prefix(2);
    found = found || element == "*" || element == etag;
  });
  return found;
}

}  // namespace

http_reply make_http_reply(http_page page, std::string_view accept_encoding, std::string_view if_none_match) {
  http_reply reply{.status = page.status, .type = std::move(page.type), .body = std::move(page.body)};
  if (reply.body.size() >= least_compressed) reply.encoding = best_encoding(accept_encoding);
  if (reply.status == 200) {
    reply.etag = etag_of(reply.body, reply.encoding);
    if (matches(if_none_match, reply.etag)) {
      reply.status = 304;
      reply.body.clear();
      reply.encoding.clear();
      return reply;
    }
  }
  if (reply.encoding.empty()) return reply;
  auto smaller = compressed(reply.body, reply.encoding);
  if (smaller.empty()) {
    reply.encoding.clear();
    if (!reply.etag.empty()) reply.etag = etag_of(reply.body, {});
  } else {
    reply.body = std::move(smaller);
  }
  return reply;
}

}  // namespace forebay::admin
