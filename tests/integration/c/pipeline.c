// libpq in pipeline mode: several syncs, an error in the middle, prepared statements, flush requests, single rows.
// usage: pipeline CONNINFO
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                         \
  do {                                                                                           \
    if (!(condition)) {                                                                          \
      fprintf(stderr, "line %d: expected %s; %s\n", __LINE__, #condition, PQerrorMessage(conn)); \
      exit(1);                                                                                   \
    }                                                                                            \
  } while (0)

static const char* conninfo;
static const char* const names[] = {"one", "two", "three"};

static PGconn* connect_to(void) {
  PGconn* conn = PQconnectdb(conninfo);
  CHECK(PQstatus(conn) == CONNECTION_OK);
  return conn;
}

// The next result must have this status; a command's results end with a null.
static PGresult* take(PGconn* conn, ExecStatusType wanted, int line) {
  PGresult* result = PQgetResult(conn);
  ExecStatusType status = result ? PQresultStatus(result) : PGRES_EMPTY_QUERY;
  if (!result || status != wanted) {
    fprintf(stderr, "line %d: %s, expected %s; %s\n", line, result ? PQresStatus(status) : "no result",
            PQresStatus(wanted), PQerrorMessage(conn));
    exit(1);
  }
  return result;
}

static void ends(PGconn* conn, int line) {
  if (PQgetResult(conn) != NULL) {
    fprintf(stderr, "line %d: expected the end of the command's results\n", line);
    exit(1);
  }
}

static void expect(PGconn* conn, ExecStatusType wanted, const char* value, int line) {
  PGresult* result = take(conn, wanted, line);
  const char* got = wanted == PGRES_FATAL_ERROR ? PQresultErrorField(result, PG_DIAG_SQLSTATE)
                    : PQntuples(result) == 1    ? PQgetvalue(result, 0, 0)
                                                : PQcmdTuples(result);
  if (value && strcmp(got, value) != 0) {
    fprintf(stderr, "line %d: \"%s\", expected \"%s\"\n", line, got, value);
    exit(1);
  }
  PQclear(result);
  if (wanted != PGRES_PIPELINE_SYNC) ends(conn, line);
}
#define EXPECT(status, value) expect(conn, status, value, __LINE__)

static void by_name(PGconn* conn, const char* statement, const char* value) {
  CHECK(PQsendQueryPrepared(conn, statement, 1, &value, NULL, NULL, 0));
}

static void query(PGconn* conn, const char* sql) {
  CHECK(PQsendQueryParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0));
}

static void several_syncs(PGconn* conn) {
  CHECK(PQsendPrepare(conn, "by_id", "select name from items where id = $1::int", 0, NULL));
  by_name(conn, "by_id", "1");
  CHECK(PQpipelineSync(conn));
  query(conn, "insert into items values (4, 'four')");
  by_name(conn, "by_id", "4");
  query(conn, "update items set name = upper(name) where id > 3");
  by_name(conn, "by_id", "4");
  query(conn, "delete from items where id > 3");
  CHECK(PQpipelineSync(conn));
  CHECK(PQsendDescribePrepared(conn, "by_id"));
  CHECK(PQpipelineSync(conn));
  EXPECT(PGRES_COMMAND_OK, NULL);
  EXPECT(PGRES_TUPLES_OK, "one");
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
  EXPECT(PGRES_COMMAND_OK, "1");
  EXPECT(PGRES_TUPLES_OK, "four");
  EXPECT(PGRES_COMMAND_OK, "1");
  EXPECT(PGRES_TUPLES_OK, "FOUR");
  EXPECT(PGRES_COMMAND_OK, "1");
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
  PGresult* description = take(conn, PGRES_COMMAND_OK, __LINE__);
  CHECK(PQnparams(description) == 1 && strcmp(PQfname(description, 0), "name") == 0);
  PQclear(description);
  ends(conn, __LINE__);
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
}

// What is behind the error is left out up to the next sync, and what was before it is undone.
static void error_in_the_middle(PGconn* conn) {
  query(conn, "insert into items values (4, 'four')");
  CHECK(PQsendPrepare(conn, "before", "select 'before'", 0, NULL));
  query(conn, "select 1/0");
  CHECK(PQsendPrepare(conn, "behind", "select 'behind'", 0, NULL));
  by_name(conn, "by_id", "1");
  CHECK(PQpipelineSync(conn));
  by_name(conn, "by_id", "4");
  CHECK(PQsendQueryPrepared(conn, "before", 0, NULL, NULL, NULL, 0));
  CHECK(PQpipelineSync(conn));
  CHECK(PQsendQueryPrepared(conn, "behind", 0, NULL, NULL, NULL, 0));
  CHECK(PQpipelineSync(conn));
  EXPECT(PGRES_COMMAND_OK, "1");
  EXPECT(PGRES_COMMAND_OK, NULL);
  EXPECT(PGRES_FATAL_ERROR, "22012");
  CHECK(PQpipelineStatus(conn) == PQ_PIPELINE_ABORTED);
  PQclear(take(conn, PGRES_PIPELINE_ABORTED, __LINE__));
  ends(conn, __LINE__);
  PQclear(take(conn, PGRES_PIPELINE_ABORTED, __LINE__));
  ends(conn, __LINE__);
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
  CHECK(PQpipelineStatus(conn) == PQ_PIPELINE_ON);
  PGresult* none = take(conn, PGRES_TUPLES_OK, __LINE__);
  CHECK(PQntuples(none) == 0);
  PQclear(none);
  ends(conn, __LINE__);
  EXPECT(PGRES_TUPLES_OK, "before");
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
  EXPECT(PGRES_FATAL_ERROR, "26000");
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
}

// Transactions within one pipeline: one fails and is rolled back to its savepoint, one is committed.
static void transactions(PGconn* conn) {
  query(conn, "begin");
  query(conn, "insert into items values (50, 'fifty')");
  query(conn, "savepoint here");
  CHECK(PQpipelineSync(conn));
  query(conn, "insert into items values (50, 'again')");
  CHECK(PQpipelineSync(conn));
  by_name(conn, "by_id", "50");
  CHECK(PQpipelineSync(conn));
  query(conn, "rollback to here");
  by_name(conn, "by_id", "50");
  query(conn, "commit");
  CHECK(PQpipelineSync(conn));
  EXPECT(PGRES_COMMAND_OK, NULL);
  EXPECT(PGRES_COMMAND_OK, "1");
  EXPECT(PGRES_COMMAND_OK, NULL);
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
  EXPECT(PGRES_FATAL_ERROR, "23505");
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
  EXPECT(PGRES_FATAL_ERROR, "25P02");
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
  EXPECT(PGRES_COMMAND_OK, NULL);
  EXPECT(PGRES_TUPLES_OK, "fifty");
  EXPECT(PGRES_COMMAND_OK, NULL);
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
}

// Results come at a flush request, before any sync.
static void flush_requests(PGconn* conn) {
  for (int n = 0; n < 30; n++) {
    char id[2] = {(char)('1' + n % 3), 0};
    by_name(conn, "by_id", id);
    CHECK(PQsendFlushRequest(conn));
    CHECK(PQflush(conn) == 0);
    EXPECT(PGRES_TUPLES_OK, names[n % 3]);
  }
  CHECK(PQpipelineSync(conn));
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
}

// Rows one by one, an error behind some of them, and a whole result behind that.
static void single_rows(PGconn* conn) {
  query(conn, "select n from generate_series(1, 1000) n");
  CHECK(PQpipelineSync(conn));
  query(conn, "select 10 / (5 - n) from generate_series(1, 9) n");
  CHECK(PQpipelineSync(conn));
  query(conn, "select 7");
  CHECK(PQpipelineSync(conn));
  long sum = 0;
  for (int n = 0; n < 1000; n++) {
    if (n == 0) CHECK(PQsetSingleRowMode(conn));
    PGresult* row = take(conn, PGRES_SINGLE_TUPLE, __LINE__);
    sum += atol(PQgetvalue(row, 0, 0));
    PQclear(row);
  }
  CHECK(sum == 500500);
  PQclear(take(conn, PGRES_TUPLES_OK, __LINE__));
  ends(conn, __LINE__);
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
  CHECK(PQsetSingleRowMode(conn));
  for (int n = 0; n < 4; n++)
    PQclear(take(conn, PGRES_SINGLE_TUPLE, __LINE__));
  EXPECT(PGRES_FATAL_ERROR, "22012");
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
  EXPECT(PGRES_TUPLES_OK, "7");
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
}

// A long pipeline with a statement of its own, in each of eight threads over fewer servers.
static void* long_pipeline(void* number) {
  PGconn* conn = connect_to();
  int start = *(int*)number;
  CHECK(PQenterPipelineMode(conn));
  CHECK(PQsendPrepare(conn, "mine", start % 2 ? "select $1::int * 2" : "select $1::int * 3", 0, NULL));
  CHECK(PQpipelineSync(conn));
  EXPECT(PGRES_COMMAND_OK, NULL);
  EXPECT(PGRES_PIPELINE_SYNC, NULL);
  for (int round = 0; round < 20; round++) {
    char text[16];
    for (int n = 0; n < 20; n++) {
      snprintf(text, sizeof text, "%d", start + n);
      by_name(conn, "mine", text);
      if (n % 5 == 4) CHECK(PQpipelineSync(conn));
    }
    for (int n = 0; n < 20; n++) {
      snprintf(text, sizeof text, "%d", (start + n) * (start % 2 ? 2 : 3));
      EXPECT(PGRES_TUPLES_OK, text);
      if (n % 5 == 4) EXPECT(PGRES_PIPELINE_SYNC, NULL);
    }
  }
  PQfinish(conn);
  return NULL;
}

int main(int count, char** arguments) {
  conninfo = count > 1 ? arguments[1] : "";
  PGconn* conn = connect_to();
  CHECK(PQenterPipelineMode(conn));
  several_syncs(conn);
  error_in_the_middle(conn);
  transactions(conn);
  flush_requests(conn);
  single_rows(conn);
  CHECK(PQexitPipelineMode(conn));
  PGresult* result = PQexec(conn, "delete from items where id = 50");
  CHECK(strcmp(PQcmdTuples(result), "1") == 0);
  PQclear(result);

  pthread_t threads[8];
  int numbers[8];
  for (int n = 0; n < 8; n++) {
    numbers[n] = n;
    if (pthread_create(&threads[n], NULL, long_pipeline, &numbers[n]) != 0) return 1;
  }
  for (int n = 0; n < 8; n++)
    pthread_join(threads[n], NULL);
  PQfinish(conn);
  puts("all well");
  return 0;
}
