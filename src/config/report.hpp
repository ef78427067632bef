#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/load.hpp"

namespace forebay::config {

// Where a value belongs: as messages show it ("cluster.nodes.port"), and exactly ("cluster#0.nodes#2.port").
struct path {
  std::string shown;
  std::string exact;

  path operator/(std::string_view key) const;
  path operator[](std::size_t index) const;
};

// Collects what is wrong, and remembers where each value was written, so that rules about finished settings can still
// name a line. The place of a path that was never written is that of its nearest parent.
class report {
 public:
  explicit report(std::string source) : source_(std::move(source)) {}

  void locate(const path& where, place at, const std::string& source);
  void locate(const path& where, place at) { locate(where, at, source_); }

  bool was_read(const path& where) const { return places_.contains(where.exact); }
  bool was_refused(const path& where) const { return refused_.contains(where.exact); }  // there is an error for it

  void error(const path& where, std::string_view text);
  void warning(const path& where, std::string_view text) { warnings_.push_back(make(where, text)); }
  void error_at(place at, std::string_view text) {
    errors_.push_back({source_, at.line, at.column, std::string(text)});
  }

  std::string place_of(const path& where) const;  // "line 12", or "users.txt:12" when that is another file
  loaded finish(settings made);                   // problems in the order of the text

 private:
  problem find(const path& where) const;
  problem make(const path& where, std::string_view text) const;

  std::string source_;
  std::map<std::string, problem, std::less<>> places_;
  std::set<std::string, std::less<>> refused_;
  std::vector<problem> errors_, warnings_;
};

}  // namespace forebay::config
