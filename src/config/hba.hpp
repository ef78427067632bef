#pragma once

#include <cstdint>
#include <memory>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip.hpp"

// Which clients may log in as whom, and how they prove it: the rules of a file in the format of PostgreSQL's
// pg_hba.conf, and the name maps of one like pg_ident.conf (manual, "Client Authentication"). Pure; hba_file.hpp reads
// the files.
namespace forebay::config {

enum class login_method : std::uint8_t { trust, reject, plain, md5, scram_sha_256, peer, cert };

// A word of a list. In quotes it is a name, whatever it looks like.
struct hba_word {
  std::string text;
  bool quoted = false;
  std::shared_ptr<const std::regex> pattern{};  // of /regular expression; else null

  bool is(std::string_view keyword) const { return !quoted && !pattern && text == keyword; }
  bool matches(std::string_view name) const;  // by its text or its pattern
};

struct hba_rule {
  enum class connection : std::uint8_t { local, host, hostssl, hostnossl, hostgssenc, hostnogssenc };
  enum class origin : std::uint8_t { any, network, samehost, samenet };

  connection type = connection::local;
  std::vector<hba_word> databases, users;
  origin from = origin::any;
  ip_network network;
  login_method method = login_method::reject;
  std::string map;    // of peer and cert; empty: the names must be the same
  std::string place;  // "pg_hba.conf:12"
};

struct ident_mapping {
  std::string map;
  hba_word system_user;
  hba_word user;  // a name, `all`, +group, /pattern; \1 in a name stands for what system_user's pattern has found
  std::string place;
};

// Who asks.
struct hba_client {
  ip_address address{};  // none: by a Unix socket
  bool tls = false;
  std::string_view user, database;
  bool physical_replication = false;
  const std::vector<std::string>* groups = nullptr;     // roles that it is a member of; null: not known
  std::vector<ip_network> (*own_networks)() = nullptr;  // of this machine's addresses: for samehost and samenet
  std::vector<ip_address> (*own_addresses)() = nullptr;
};

struct access_rules {
  std::vector<hba_rule> rules;
  std::vector<ident_mapping> maps;

  // Whether somebody's groups may have to be known.
  bool ask_for_groups() const;

  struct verdict {
    const hba_rule* rule = nullptr;  // the first that matches; null: none does
    bool in_doubt = false;           // it may match: that depends on groups, which are not known
  };
  verdict find(const hba_client& who) const;

  // Whether this user of the operating system, or of a certificate, may be `user`. groups: of `user`, may be null.
  bool may_be(const std::string& map, std::string_view system_user, std::string_view user,
              const std::vector<std::string>* groups) const;
};

}  // namespace forebay::config
