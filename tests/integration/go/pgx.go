// pgx v4: pool, statement cache, batches, COPY, transactions, cancellation. usage: pgx URL
// The URL says how statements run: statement_cache_mode=prepare or describe, or prefer_simple_protocol.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

var ctx = context.Background()
var names = []string{"one", "two", "three"}

const byID = "select name from items where id = $1"

// must ends the program; equal tells what was expected.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func equal[T comparable](what string, got, wanted T) {
	if got != wanted {
		panic(fmt.Sprintf("%s: %v, expected %v", what, got, wanted))
	}
}

func fails(what string, err error, code string) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != code {
		panic(fmt.Sprintf("%s: %v, expected SQLSTATE %s", what, err, code))
	}
}

type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...interface{}) pgx.Row
	Exec(ctx context.Context, sql string, args ...interface{}) (pgconn.CommandTag, error)
}

func one[T any](q queryer, sql string, args ...interface{}) (value T) {
	must(q.QueryRow(ctx, sql, args...).Scan(&value))
	return
}

func affected(q queryer, sql string, args ...interface{}) int64 {
	tag, err := q.Exec(ctx, sql, args...)
	must(err)
	return tag.RowsAffected()
}

func crud(pool *pgxpool.Pool) {
	equal("insert", one[int](pool, "insert into items values ($1, $2) returning id", 4, "four"), 4)
	equal("update", affected(pool, "update items set name = upper(name) where id > $1", 3), 1)
	equal("select", one[string](pool, byID, 4), "FOUR")
	equal("delete", affected(pool, "delete from items where id = $1", 4), 1)
	equal("no row", errors.Is(pool.QueryRow(ctx, byID, 4).Scan(new(string)), pgx.ErrNoRows), true)
}

// A prepared statement on each server in turn: two clients hold both, and one lets go.
func statements(pool *pgxpool.Pool) {
	c, err := pool.Acquire(ctx)
	must(err)
	defer c.Release()
	named := func(n int) (string, error) {
		result := c.Conn().PgConn().ExecPrepared(ctx, "by_id", [][]byte{[]byte(strconv.Itoa(n))}, nil, nil).Read()
		if result.Err != nil {
			return "", result.Err
		}
		return string(result.Rows[0][0]), nil
	}
	_, err = c.Conn().Prepare(ctx, "by_id", byID)
	must(err)
	begin := func() pgx.Tx {
		tx, err := pool.Begin(ctx)
		must(err)
		return tx
	}
	blockers := []pgx.Tx{begin(), begin()}
	for n := 0; n < 6; n++ {
		must(blockers[n%2].Rollback(ctx))
		name, err := named(n%3 + 1)
		must(err)
		equal("by name", name, names[n%3])
		equal("as the mode says", one[string](c, byID, n%3+1), names[n%3])
		blockers[n%2] = begin()
	}
	for _, tx := range blockers {
		must(tx.Rollback(ctx))
	}
	for n := 0; n < 600; n++ { // more texts than the cache of statements holds
		equal("many texts", one[int](c, fmt.Sprintf("select $1::int + %d", n), n), 2*n)
	}
	must(c.Conn().Deallocate(ctx, "by_id"))
	_, err = named(1)
	fails("deallocated", err, "26000")
}

func transactions(pool *pgxpool.Pool) {
	tx, err := pool.Begin(ctx)
	must(err)
	equal("insert", affected(tx, "insert into items values (50, 'fifty')"), 1)
	inner, err := tx.Begin(ctx) // a savepoint
	must(err)
	_, err = inner.Exec(ctx, "insert into items values ($1, 'again')", 50)
	fails("double", err, "23505")
	_, err = inner.Exec(ctx, "select 1")
	fails("after the error", err, "25P02")
	must(inner.Rollback(ctx))
	equal("after the savepoint", one[string](tx, byID, 50), "fifty")
	must(tx.Rollback(ctx))
	equal("rolled back", one[int](pool, "select count(*)::int from items"), 3)
	must(pool.BeginTxFunc(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
		equal("isolation", one[string](tx, "show transaction_isolation"), "serializable")
		_, err := tx.Exec(ctx, "insert into items values ($1, $2)", 51, "stays")
		return err
	}))
	equal("committed", one[string](pool, byID, 51), "stays")
}

func batches(pool *pgxpool.Pool) {
	batch := &pgx.Batch{}
	for n := 0; n < 50; n++ {
		batch.Queue(byID, n%3+1)
		batch.Queue("insert into items values ($1, 'batch')", 500+n)
	}
	results := pool.SendBatch(ctx, batch)
	for n := 0; n < 50; n++ {
		var name string
		must(results.QueryRow().Scan(&name))
		equal("batch", name, names[n%3])
		tag, err := results.Exec()
		must(err)
		equal("batch's insert", tag.RowsAffected(), 1)
	}
	must(results.Close())

	// An error undoes the batch, for it is one implicit transaction.
	failing := &pgx.Batch{}
	failing.Queue("delete from items where name = 'batch'")
	failing.Queue("select 1 / $1::int", 0)
	failing.Queue("select 1")
	results = pool.SendBatch(ctx, failing)
	_, err := results.Exec()
	must(err)
	_, err = results.Exec()
	fails("in a batch", err, "22012")
	fails("its end", results.Close(), "22012")
	equal("rows of the batch", one[int](pool, "select count(*)::int from items where name = 'batch'"), 50)
}

func copies(pool *pgxpool.Pool) {
	source := func(from, count int) pgx.CopyFromSource {
		return pgx.CopyFromSlice(count, func(n int) ([]interface{}, error) { return []interface{}{int32(from + n), "copied"}, nil })
	}
	count, err := pool.CopyFrom(ctx, pgx.Identifier{"items"}, []string{"id", "name"}, source(1000, 5000))
	must(err)
	equal("copied", count, 5000)
	_, err = pool.CopyFrom(ctx, pgx.Identifier{"items"}, []string{"id", "name"}, source(5999, 5000))
	fails("copied twice", err, "23505")
	equal("copied rows", one[int](pool, "select count(*)::int from items where name = 'copied'"), 5000)
}

// A context's end cancels the query by closing the connection; Forebay cancels it on the server.
func cancellation(pool *pgxpool.Pool) {
	short, done := context.WithTimeout(ctx, 200*time.Millisecond)
	defer done()
	_, err := pool.Exec(short, "select pg_sleep(30)")
	if !errors.Is(err, context.DeadlineExceeded) {
		panic(fmt.Sprintf("deadline: %v", err))
	}
	c, err := pool.Acquire(ctx)
	must(err)
	defer c.Release()
	go func() {
		running := "select exists (select from pg_stat_activity where state = 'active' and query = 'select pg_sleep(31)')"
		for !one[bool](pool, running) {
		}
		must(c.Conn().PgConn().CancelRequest(ctx))
	}()
	_, err = c.Exec(ctx, "select pg_sleep(31)")
	fails("cancelled", err, "57014")
	equal("afterwards", one[int](c, "select 1"), 1)
}

// Eight connections, more goroutines, fewer servers.
func concurrency(pool *pgxpool.Pool) {
	equal("insert", affected(pool, "insert into items values (100, '0')"), 1)
	var wait sync.WaitGroup
	for n := 0; n < 40; n++ {
		wait.Add(1)
		go func(n int) {
			defer wait.Done()
			for i := 0; i < 20; i++ {
				equal("its own row", one[string](pool, byID, (n+i)%3+1), names[(n+i)%3])
			}
			must(pool.BeginFunc(ctx, func(tx pgx.Tx) error {
				value, err := strconv.Atoi(one[string](tx, byID+" for update", 100))
				must(err)
				equal("add", affected(tx, "update items set name = $2 where id = $1", 100, strconv.Itoa(value+1)), 1)
				return nil
			}))
		}(n)
	}
	wait.Wait()
	equal("sum", one[string](pool, byID, 100), "40")
}

func main() {
	url := os.Args[1]
	config, err := pgxpool.ParseConfig(url)
	must(err)
	config.MaxConns = 8
	config.ConnConfig.PreferSimpleProtocol = strings.Contains(url, "statement_cache_capacity=0")
	pool, err := pgxpool.ConnectConfig(ctx, config)
	must(err)
	for _, work := range []func(*pgxpool.Pool){crud, statements, transactions, batches, copies, cancellation, concurrency} {
		work(pool)
	}
	pool.Close()
	fmt.Println("all well")
}
