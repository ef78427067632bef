#include "routing/pq_connection.hpp"

#include <libpq-fe.h>
#include <openssl/x509.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "config/notation.hpp"

namespace forebay {
namespace {

// libpq's texts have several lines, of which the first says it.
std::string first_line(const char* text) {
  std::string line(text ? text : "");
  line.resize(std::min(line.find('\n'), line.size()));
  return line.empty() ? "connection lost" : line;
}

// Of "FATAL:  3D000: database ...", as libpq writes it when it is verbose; a login that failed has no other place for
// it.
std::string find_sqlstate(const std::string& text) {
  constexpr std::size_t length = 5;
  for (auto at = text.find(":  "); at != text.npos; at = text.find(":  ", at + 1)) {
    auto code = text.substr(at + 3, length);
    const auto is_code = [](unsigned char c) { return std::isdigit(c) || std::isupper(c); };
    if (code.size() == length && std::ranges::all_of(code, is_code) && text.compare(at + 3 + length, 2, ": ") == 0)
      return code;
  }
  return "";
}

// Whom this machine trusts, as one file: libpq 15 has no word for it. Where OpenSSL would look, then where systems have
// it.
std::string system_ca_file() {
  const auto* named = std::getenv(X509_get_default_cert_file_env());
  std::string last;
  for (const auto* each : {named, X509_get_default_cert_file(), "/etc/ssl/certs/ca-certificates.crt",
                           "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    if (!each) continue;
    last = each;
    if (::access(each, R_OK) == 0) break;
  }
  return last;
}

// Left empty, libpq would take the user's file in ~/.postgresql, or what its environment names.
std::string file_or_none(const std::string& file) {
  return file.empty() ? "/dev/null/none" : file;
}

}  // namespace

pq_connection::target pq_connection::target_of(const config::node& at, const config::settings::watcher& login,
                                               const config::tls& secured_by) {
  target made{at.host, at.port, login.user, login.password, login.dbname};
  made.sslmode = to_string(secured_by.mode);
  if (secured_by.mode == config::tls_mode::disable) return made;
  // libpq looks at it in any mode, where it is given.
  if (secured_by.mode >= config::tls_mode::verify_ca) {
    made.sslrootcert = secured_by.ca_file == config::system_ca ? system_ca_file() : secured_by.ca_file;
    made.sslcrl = secured_by.crl_file;
  }
  made.sslrootcert = file_or_none(made.sslrootcert);
  made.sslcrl = file_or_none(made.sslcrl);
  made.sslcert = file_or_none(secured_by.cert_file);
  made.sslkey = file_or_none(secured_by.key_file);
  made.ssl_min_protocol_version = "TLSv" + std::string(to_string(secured_by.min_version));
  return made;
}

void pq_connection::start(const target& to) {
  close();
  to_ = to;
  error_.clear();
  sqlstate_.clear();
  rows_.clear();
  password_ = password_lookup::start(to.password);
  if (!name_lookup::is_needed(to.host)) {
    lookup_.reset();
  } else if (!lookup_ || lookup_->host() != to.host) {
    // One that still runs is not begun again: it may last longer than we wait for it.
    lookup_ = name_lookup::start(to.host);
  }
  connect_when_ready();
}

void pq_connection::connect_when_ready() {
  state_ = state::resolving;
  events_ = POLLIN;
  if (!password_->ended() || (lookup_ && !lookup_->ended())) return;
  if (lookup_ && !lookup_->error().empty()) {
    fail("cannot resolve " + to_.host + ": " + lookup_->error());
    lookup_.reset();
  } else if (!password_->error().empty()) {
    fail(password_->error());
  } else {
    connect();
  }
}

void pq_connection::close() {
  if (pq_) PQfinish(pq_);
  pq_ = nullptr;
  state_ = state::closed;
}

void pq_connection::connect() {
  const auto port = std::to_string(to_.port);
  const auto* addresses = lookup_ ? lookup_->addresses().c_str() : "";
  const std::pair<const char*, const char*> given[] = {
      {"host", to_.host.c_str()},
      {"hostaddr", addresses},
      {"port", port.c_str()},
      {"user", to_.user.c_str()},
      {"password", password_->value().c_str()},
      {"dbname", to_.dbname.c_str()},
      {"application_name", "forebay monitor"},
      {"gssencmode", "disable"},
      {"client_encoding", "UTF8"},
      {"sslmode", to_.sslmode.c_str()},
      {"sslrootcert", to_.sslrootcert.c_str()},
      {"sslcrl", to_.sslcrl.c_str()},
      {"sslcert", to_.sslcert.c_str()},
      {"sslkey", to_.sslkey.c_str()},
      {"ssl_min_protocol_version", to_.ssl_min_protocol_version.c_str()},
  };
  std::array<const char*, std::size(given) + 1> names{}, values{};
  std::ranges::transform(given, names.begin(), [](const auto& each) { return each.first; });
  std::ranges::transform(given, values.begin(), [](const auto& each) { return each.second; });
  pq_ = PQconnectStartParams(names.data(), values.data(), 0);
  lookup_.reset();
  password_.reset();
  if (!pq_ || PQstatus(pq_) == CONNECTION_BAD) return fail();
  PQsetErrorVerbosity(pq_, PQERRORS_VERBOSE);
  PQsetNoticeProcessor(
      pq_, [](void*, const char*) {}, nullptr);
  state_ = state::connecting;
  events_ = POLLOUT;
}

int pq_connection::fd() const {
  // The password may end at any moment: then its own is readable.
  if (state_ == state::resolving) return lookup_ && password_->ended() ? lookup_->fd() : password_->fd();
  return pq_ ? PQsocket(pq_) : -1;
}

short pq_connection::events() const {
  return events_;
}

void pq_connection::on_ready() {
  switch (state_) {
    case state::closed:
    case state::failed:
      return;
    case state::resolving:
      return connect_when_ready();
    case state::connecting:
      return on_connecting();
    case state::idle:
      if (PQconsumeInput(pq_) == 0 || PQstatus(pq_) != CONNECTION_OK) return fail();
      // What a server says unasked before it ends it: a result of its own, or a notice.
      while (auto* said = PQgetResult(pq_)) {
        const bool fatal = PQresultStatus(said) == PGRES_FATAL_ERROR;
        PQclear(said);
        if (fatal) return fail();
      }
      return;
    case state::asking:
      return on_asking();
  }
}

void pq_connection::on_connecting() {
  switch (PQconnectPoll(pq_)) {
    case PGRES_POLLING_READING:
      events_ = POLLIN;
      return;
    case PGRES_POLLING_WRITING:
      events_ = POLLOUT;
      return;
    case PGRES_POLLING_OK:
      if (PQsetnonblocking(pq_, 1) != 0) return fail();
      state_ = state::idle;
      events_ = POLLIN;
      return;
    default:
      return fail();
  }
}

void pq_connection::ask(const char* sql) {
  if (state_ != state::idle) return;
  error_.clear();
  sqlstate_.clear();
  rows_.clear();
  sent(PQsendQuery(pq_, sql) != 0);
}

void pq_connection::ask(const char* sql, const std::vector<std::string>& parameters) {
  if (state_ != state::idle) return;
  error_.clear();
  sqlstate_.clear();
  rows_.clear();
  std::vector<const char*> texts;
  for (const auto& each : parameters)
    texts.push_back(each.c_str());
  sent(PQsendQueryParams(pq_, sql, static_cast<int>(texts.size()), nullptr, texts.data(), nullptr, nullptr, 0) != 0);
}

void pq_connection::sent(bool well) {
  if (!well) return fail();
  state_ = state::asking;
  on_asking();
}

void pq_connection::on_asking() {
  if (PQconsumeInput(pq_) == 0) return fail();
  const int unsent = PQflush(pq_);
  if (unsent < 0) return fail();
  events_ = static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN);
  while (PQisBusy(pq_) == 0) {
    auto* result = PQgetResult(pq_);
    if (!result) {
      if (PQstatus(pq_) != CONNECTION_OK) return fail();
      state_ = state::idle;
      events_ = POLLIN;
      news_ = true;
      return;
    }
    const std::unique_ptr<PGresult, decltype(&PQclear)> owner(result, PQclear);
    const auto status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK) {
      rows_.clear();
      for (int i = 0; i < PQntuples(result); ++i) {
        auto& made = rows_.emplace_back();
        for (int column = 0; column < PQnfields(result); ++column)
          made.emplace_back(PQgetvalue(result, i, column), static_cast<std::size_t>(PQgetlength(result, i, column)));
      }
    } else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY && error_.empty()) {
      const auto* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      const auto* words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
      sqlstate_ = code ? code : "";
      error_ = words ? first_line(words) : first_line(PQresultErrorMessage(result));
      if (status != PGRES_FATAL_ERROR) return fail(error_);  // COPY and the like: not ours
    }
  }
}

void pq_connection::fail() {
  fail(first_line(pq_ ? PQerrorMessage(pq_) : "out of memory"));
}

void pq_connection::fail(std::string why) {
  const auto code = find_sqlstate(why);
  if (!code.empty()) sqlstate_ = code;
  close();
  error_ = std::move(why);
  state_ = state::failed;
}

}  // namespace forebay
