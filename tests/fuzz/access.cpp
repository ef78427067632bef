#include "routing/access.hpp"

#include "input.hpp"
#include "routing/sql_template.hpp"

// Whatever the text, a verdict; and the same as its template's, which stands for many.
namespace forebay::fuzz {
namespace {

bool same(const sql_access& a, const sql_access& b) {
  return a.what == b.what && a.functions == b.functions && a.relations == b.relations &&
         a.cte_or_relations == b.cte_or_relations && a.operators == b.operators && a.types == b.types &&
         a.attributes == b.attributes;
}

void run(std::string_view bytes) {
  const std::string text = "select " + std::string(bytes);
  const auto access = read_access(text);
  std::string found, again;
  if (!make_sql_template(text, found)) return;
  expect(make_sql_template(found, again) && again == found);
  // FLOAT(0) is no type to the grammar.
  if (text.size() < 4096 && text.find_first_of("oO") == text.npos) expect(same(access, read_access(found)));
}

std::vector<std::string> seeds() {
  return {"a, (f(1)).b from t where x = 'a''b' and y in (1, 2.5, .5) -- c\n order by 1",
          "* from (values ('a'\n'b', $1)) v (\"a\"\"1\") /* /* */ */ limit 1 offset 2",
          "case when a@>'{1}' then b::s.t[1] end union (with x as (table y) select 1 operator(s.+) 2 for update)",
          "1e5, 0x1f, 1.5.5, a.5, e'\\'', U&\"a\", $$a$$, 1; delete", "*/*/ 1 */"};
}

const registered here{{"access", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
