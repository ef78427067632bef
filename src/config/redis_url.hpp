#pragma once

#include <string>
#include <string_view>

#include "config/config.hpp"

// redis://[[user]:password@]host[:port][/database] as others write it (redis-cli -u, IANA), and
// redis+cluster://[[user]:password@]host[:port][,host[:port]]... for a Redis Cluster, of which any nodes are named.
namespace forebay::config {

// Nothing: `complaint` says what is wrong, without the text itself, for it may hold a password.
std::optional<redis_server> parse_redis_url(std::string_view text, std::string& complaint);
std::string redis_url(const redis_server& of);  // without the password

}  // namespace forebay::config
