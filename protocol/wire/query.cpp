#include "protocol/wire/query.hpp"

namespace forebay::wire {

result<query> query::decode(std::string_view body) {
  reader r(body);
  query m;
  m.sql = r.cstring();
  return r.done(m);
}

void query::encode(writer& w) const {
  w.begin(type);
  w.cstring(sql);
  w.finish();
}

result<command_complete> command_complete::decode(std::string_view body) {
  reader r(body);
  command_complete m;
  m.tag = r.cstring();
  return r.done(m);
}

void command_complete::encode(writer& w) const {
  w.begin(type);
  w.cstring(tag);
  w.finish();
}

}  // namespace forebay::wire
