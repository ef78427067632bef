#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

// What a database's system catalogs say of functions, relations, types and operators, as far as it matters to where a
// query may run. The queries are asked over one connection, and their rows given to add(); once all are there the
// catalog never changes and may be read by any thread. routing/read_rules makes answers of it.
//
//   run catalog_begin; for each of catalog_queries: run its sql, add() each row; run catalog_end.
//   A query that fails, or an add() that is false: what was known before stays. The last may fail.
namespace forebay {

struct catalog_query {
  const char* what;
  std::size_t columns;  // as text, none is null
  const char* sql;
};
// One snapshot for all, and no operator or function but the system's own.
inline constexpr const char* catalog_begin =
    "begin isolation level repeatable read, read only; set local search_path = pg_catalog, pg_temp";
extern const std::array<catalog_query, 8> catalog_queries;
inline constexpr const char* catalog_end = "commit";
// One value, in some milliseconds: as long as it is the same, so is all that the queries give (the uses of views take a
// millisecond a view).
extern const char* const catalog_fingerprint;

struct catalog {
  using oid = std::uint32_t;

  struct function {
    oid id;
    std::string schema, name;
    char volatility;  // i, s, v
    bool takes_row;   // may be called as the attribute of a row: row.name
  };
  struct relation {
    oid id;
    std::string schema, name;
    char kind;         // pg_class.relkind
    char persistence;  // p, u, t
    bool guarded;      // row level security
    bool acts;         // has triggers, or rules for what writes it
  };
  struct type {
    oid id;
    std::string schema, name;
  };
  struct op {
    std::string schema, name;
    oid function;  // 0: a function of the system's own that is not volatile
  };
  // What comes with the use of `user`: of a view what it reads, of a table its partitions and the policies on it, of a
  // function its arguments' defaults, of an aggregate its functions, of a type what makes and shows its values. Also
  // what comes with writing a relation ('w'), as the defaults and constraints of its columns.
  struct use {
    char user_kind;  // f, r, t or w
    oid user;
    char used_kind;  // f, r, t; m: what is another at any moment though no function says so (the current date, a
    oid used;        // sample, the place of a row); z: a time of day, whose offset in a zone is that of today
  };
  // What is done to the rows of one table is done to those of another.
  struct foreign_key {
    oid of;         // the table that is referred to
    oid by;         // the table that refers
    bool cascades;  // ON DELETE or ON UPDATE changes rows
  };
  // A default_transaction_isolation, the weaker first: the server's, then by ALTER DATABASE and ALTER ROLE.
  struct isolation {
    std::string role;  // empty: of all
    std::string level;
  };
  // Empty: not to be had. What other Forebays, which may have other names for it, know this database by; and what its
  // server has not been before: its timeline and start.
  struct place {
    std::string database, incarnation;
  };
  place where;
  std::vector<function> functions;
  std::vector<relation> relations;
  std::vector<type> types;
  std::vector<op> operators;
  std::vector<use> uses;
  std::vector<isolation> isolations;
  std::vector<foreign_key> foreign_keys;

  // A row of catalog_queries[query]. False: not what that query gives.
  bool add(std::size_t query, std::span<const std::string> row);
};

}  // namespace forebay
