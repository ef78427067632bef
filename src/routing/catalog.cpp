#include "routing/catalog.hpp"

#include <charconv>
#include <optional>

namespace forebay {

// Objects from 16384 on are not the system's own (FirstNormalObjectId). What the system's own use is not asked for: its
// views are for the primary anyway, its functions are judged by name.
const std::array<catalog_query, 8> catalog_queries = {{
    {"functions", 5, R"(
select p.oid, n.nspname, p.proname, p.provolatile,
       p.pronargs >= 1 and p.pronargs - p.pronargdefaults <= 1
       and exists (select from pg_type t left join pg_type b on b.oid = t.typbasetype
                   where t.oid = p.proargtypes[0] and (t.typtype in ('c', 'p') or b.typtype = 'c'))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace)"},

    {"relations", 7, R"(
select c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relrowsecurity,
       c.relhastriggers and exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal)
       or c.relhasrules and exists (select from pg_rewrite where ev_class = c.oid and ev_type <> '1')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S'))"},

    {"types", 3, R"(
select t.oid, n.nspname, t.typname
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typcategory <> 'A')"},

    {"operators", 3, R"(
select distinct n.nspname, o.oprname, 
       case when o.oid >= 16384 or p.oid >= 16384 or p.provolatile = 'v' then p.oid else 0 end
from pg_operator o join pg_namespace n on n.oid = o.oprnamespace join pg_proc p on p.oid = o.oprcode)"},

    // Trees are searched as text: pg_depend does not tell of what is the system's own. Of types counts what is not
    // immutable and run without being named: to make a value, or (`held`) with whatever table or function has values of
    // it. What is another at any moment ('m'): the current date, samples, system columns, values made of XML and, but
    // for types whose input is not about time, of texts that come with the rows; times with a zone, whose offset is
    // today's. What has times of day ('z') makes such ones where it meets a zone.
    {"uses", 4, R"(
with recursive trees (kind, id, tree) as (
  select 'r', r.ev_class, r.ev_action::text from pg_rewrite r join pg_class c on c.oid = r.ev_class
  where c.relkind = 'v' and r.ev_type = '1' and c.oid >= 16384
  union all
  select 'r', polrelid, polqual::text from pg_policy where polcmd in ('r', '*') and polqual is not null
  union all
  select 't', contypid, conbin::text from pg_constraint where contypid <> 0 and conbin is not null
  union all
  select 'f', oid, proargdefaults::text from pg_proc where proargdefaults is not null and oid >= 16384
  union all
  select 'w', r.ev_class, r.ev_action::text from pg_rewrite r join pg_class c on c.oid = r.ev_class
  where c.relkind = 'm' and c.oid >= 16384
  union all
  select 'w', adrelid, adbin::text from pg_attrdef
  where adrelid >= 16384 and adbin::text ~ ':(funcid|opfuncid|resulttype) (?!(480|1299|1574|3432) )'
  union all
  select 'w', conrelid, conbin::text from pg_constraint
  where contype = 'c' and conrelid >= 16384 and conbin::text ~ ':(funcid|resulttype) |:opfuncid [1-9]\d{4}'
  union all
  select 'w', polrelid, concat(polqual, polwithcheck) from pg_policy
), of_types (type, function, held) as (
  select t.oid, p.oid, p.oid in (t.typoutput, t.typsend) from pg_type t, pg_proc p
  where p.oid in (t.typinput, t.typreceive, t.typoutput, t.typsend, t.typmodin)
        and (p.provolatile = 'v' or p.provolatile = 's' and p.oid >= 16384)
  union
  select case when castsource >= 16384 then castsource else casttarget end, p.oid, castsource >= 16384
  from pg_cast join pg_proc p on p.oid = castfunc
  where p.provolatile = 'v' or p.provolatile = 's' and p.oid >= 16384
  union
  select amproclefttype, p.oid, true from pg_amproc join pg_proc p on p.oid = amproc
  where p.provolatile = 'v' or p.provolatile = 's' and p.oid >= 16384
), times (type) as (
  select 1083::oid
  union
  select made.type from times join (
    select oid, typbasetype from pg_type where typbasetype <> 0
    union all
    select oid, typelem from pg_type where typelem <> 0
    union all
    select c.reltype, a.atttypid from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.reltype <> 0 and a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped
  ) as made (type, of) on made.of = times.type
)
select kind, id, case found[1] when 'relid' then 'r' when 'resulttype' then 't' else 'f' end, found[2]
from (select distinct kind, id,
             regexp_matches(tree, ':(funcid|opfuncid|aggfnoid|winfnoid|relid|resulttype) (\d+)', 'g') as found
      from trees) as names
where found[2] <> '0' and (found[1] <> 'resulttype' or found[2]::oid >= 16384)
union
select kind, id, 'm', '0' from trees
where kind <> 'w' and (tree ~ 'SQLVALUEFUNCTION :op [0-8] |TABLESAMPLECLAUSE|TABLEFUNC|:varattno -[1-9]'
      or tree ~ ':resulttype (?!(16|17|18|19|20|21|23|25|26|114|142|700|701|869|1042|1043|1186|1700|2950|3802) )\d+ :resultcollid')
union
select 'r', attrelid, 'm', '0' from pg_attribute
where atttypid in (1266, 1270) and attrelid >= 16384 and attnum > 0 and not attisdropped
union
select 'f', oid, 'm', '0' from pg_proc where oid >= 16384 and proargtypes::oid[] && '{1266, 1270}'
union
select 't', type, 'z', '0' from times
union
select 'r', t.typrelid, 'z', '0' from times join pg_type t on t.oid = type where t.typrelid <> 0
union
select 'f', p.oid, 'z', '0' from times join pg_proc p on p.prorettype = type
where p.oid >= 16384 or not p.proargtypes::oid[] && '{1083}'
union
select 'f', p.oid, 'z', '0' from pg_proc p, unnest(p.proallargtypes) as given join times on type = given
union
select 'r', i.inhparent, 'r', i.inhrelid::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
where c.relkind in ('r', 'p', 'f')
union
select 'f', a.aggfnoid, 'f', f::text
from pg_aggregate a, unnest(array[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
                                  a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[]) as f
where a.aggfnoid >= 16384 and f <> 0
union
select 't', type, 'f', function::text from of_types
union
select 't', t.oid, 't', b.oid::text from pg_type t join pg_type b on b.oid = t.typbasetype
where b.typtype in ('d', 'c') or b.oid in (select type from of_types)
union
select kind, case kind when 'w' then a.attrelid else c.reltype end, 't', e.oid::text
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid
     join pg_type e on e.oid in (t.oid, t.typelem), (values ('w'), ('t')) as kinds (kind)
where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped and c.reltype <> 0
      and (e.typtype in ('d', 'c') or e.oid in (select type from of_types))
union
select 'r', a.attrelid, 'f', o.function::text
from pg_attribute a join pg_type t on t.oid = a.atttypid join of_types o on o.type in (t.oid, t.typelem, t.typbasetype)
where o.held and a.attnum > 0 and not a.attisdropped
union
select 'f', p.oid, 'f', o.function::text
from pg_proc p join pg_type t on t.oid = p.prorettype join of_types o on o.type in (t.oid, t.typelem)
where o.held and p.oid >= 16384)"},

    // What the asking role has by its own settings hides the server's: that may be any then.
    {"isolations", 2, R"(
select coalesce(r.rolname, ''), s.level
from (select setrole, setdatabase, substr(setting, length('default_transaction_isolation=') + 1)
      from pg_db_role_setting, unnest(setconfig) as setting
      where starts_with(setting, 'default_transaction_isolation=')
      union all
      select 0, null, case when source in ('database', 'user', 'database user') then '' else reset_val end
      from pg_settings where name = 'default_transaction_isolation') as s (role, database, level)
left join pg_roles r on r.oid = s.role
where (s.database is null or s.database in (0, (select oid from pg_database where datname = current_database())))
      and (s.role = 0 or r.oid is not null)
order by s.database is not null, s.role <> 0, s.database)"},

    {"foreign keys", 3, R"(
select confrelid, conrelid, bool_or(confdeltype in ('c', 'n', 'd') or confupdtype in ('c', 'n', 'd'))
from pg_constraint where contype = 'f' group by confrelid, conrelid)"},

    // Not every server lets everybody ask for this.
    {"place", 2, R"(
select concat((select system_identifier from pg_control_system()), '/',
              (select oid from pg_database where datname = current_database())),
       concat(case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
                   else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int end, '/',
              extract(epoch from pg_postmaster_start_time())))"},
}};

// Whatever changes in a catalog leaves a row with another xmin, or one row less. A change of columns leaves one in
// pg_class. A role that is renamed keeps its settings; the configuration's is none of a catalog.
const char* const catalog_fingerprint = R"(
select concat_ws(',', count(*), sum(pg_catalog.hashint8(xmin::text::bigint)),
                 (select sum(pg_catalog.hashtext(r.rolname)) from pg_catalog.pg_db_role_setting s
                  join pg_catalog.pg_roles r on r.oid = s.setrole),
                 pg_catalog.current_setting('default_transaction_isolation'), pg_catalog.pg_postmaster_start_time(),
                 pg_catalog.pg_is_in_recovery())
from (select xmin from pg_catalog.pg_namespace union all select xmin from pg_catalog.pg_proc
      union all select xmin from pg_catalog.pg_class where relkind not in ('i', 't', 'I')
      union all select xmin from pg_catalog.pg_type union all select xmin from pg_catalog.pg_operator
      union all select xmin from pg_catalog.pg_rewrite union all select xmin from pg_catalog.pg_policy
      union all select xmin from pg_catalog.pg_constraint where contype in ('c', 'f')
      union all select xmin from pg_catalog.pg_attrdef
      union all select xmin from pg_catalog.pg_trigger where not tgisinternal
      union all select xmin from pg_catalog.pg_inherits union all select xmin from pg_catalog.pg_aggregate
      union all select xmin from pg_catalog.pg_cast union all select xmin from pg_catalog.pg_amproc
      union all select xmin from pg_catalog.pg_db_role_setting
      union all select xmin from pg_catalog.pg_auth_members
      union all select xmin from pg_catalog.pg_attribute where attacl is not null) as rows)";

namespace {

std::optional<catalog::oid> oid_of(const std::string& text) {
  catalog::oid id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(id) : std::nullopt;
}

bool one_of(const std::string& text, std::string_view letters) {
  return text.size() == 1 && letters.find(text[0]) != letters.npos;
}

}  // namespace

bool catalog::add(std::size_t query, std::span<const std::string> row) {
  if (query >= catalog_queries.size() || row.size() != catalog_queries[query].columns) return false;
  if (query == 3) {
    const auto code = oid_of(row[2]);
    if (code) operators.push_back({row[0], row[1], *code});
    return code.has_value();
  }
  if (query == 5) {
    isolations.push_back({row[0], row[1]});
    return true;
  }
  if (query == 7) {
    where = {row[0], row[1]};
    return !row[0].empty();
  }
  if (query == 6) {
    const auto of = oid_of(row[0]), by = oid_of(row[1]);
    if (!of || !by || !one_of(row[2], "tf")) return false;
    foreign_keys.push_back({*of, *by, row[2] == "t"});
    return true;
  }
  if (query == 4) {
    const auto user = oid_of(row[1]), used = oid_of(row[3]);
    if (!one_of(row[0], "frtw") || !one_of(row[2], "frtmz") || !user || !used) return false;
    uses.push_back({row[0][0], *user, row[2][0], *used});
    return true;
  }
  const auto id = oid_of(row[0]);
  if (!id) return false;
  if (query == 0) {
    if (!one_of(row[3], "isv") || !one_of(row[4], "tf")) return false;
    functions.push_back({*id, row[1], row[2], row[3][0], row[4] == "t"});
  } else if (query == 1) {
    if (!one_of(row[3], "rpvmfS") || !one_of(row[4], "put") || !one_of(row[5], "tf") || !one_of(row[6], "tf"))
      return false;
    relations.push_back({*id, row[1], row[2], row[3][0], row[4][0], row[5] == "t", row[6] == "t"});
  } else {
    types.push_back({*id, row[1], row[2]});
  }
  return true;
}

}  // namespace forebay
