// pg: a pool, parameters, named prepared statements, transactions, errors.
import assert from 'node:assert/strict';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.argv[2], max: 8 });
const byId = (n) => ({ name: 'by-id', text: 'select name from items where id = $1', values: [n] });
const names = ['one', 'two', 'three'];

// Create, read, update, delete.
assert.equal((await pool.query('insert into items values ($1, $2) returning id', [4, 'four'])).rows[0].id, 4);
assert.equal((await pool.query('update items set name = upper(name) where id > $1', [3])).rowCount, 1);
assert.deepEqual((await pool.query('select name from items where id = $1', [4])).rows, [{ name: 'FOUR' }]);
assert.equal((await pool.query('delete from items where id = $1', [4])).rowCount, 1);
const several = await pool.query("select 1 as a; select 'x' as b");
assert.deepEqual(several.map((r) => r.rows[0]), [{ a: 1 }, { b: 'x' }]);

// A named statement on each server in turn: two clients hold both, and one lets go.
const client = await pool.connect();
const blockers = [await pool.connect(), await pool.connect()];
for (const b of blockers) await b.query('begin');
for (const [n, b] of [...blockers, ...blockers].entries()) {
  await b.query('rollback');
  assert.equal((await client.query(byId((n % 3) + 1))).rows[0].name, names[n % 3]);
  await b.query('begin');
}
for (const b of blockers) {
  await b.query('rollback');
  b.release();
}

// An error within a transaction, recovery by savepoint and by rollback.
await client.query('begin');
await client.query("insert into items values (50, 'fifty')");
await client.query('savepoint here');
await assert.rejects(client.query("insert into items values (50, 'again')"), { code: '23505' });
await assert.rejects(client.query(byId(1)), { code: '25P02' });
await client.query('rollback to here');
assert.equal((await client.query(byId(50))).rows[0].name, 'fifty');
await assert.rejects(client.query('select 1/0'), { code: '22012' });
await client.query('rollback');
assert.equal((await client.query(byId(50))).rowCount, 0);
await client.query('begin');
await client.query("insert into items values (51, 'stays')");
await client.query('commit');
client.release();
assert.equal((await pool.query(byId(51))).rows[0].name, 'stays');

// Eight clients, fewer servers.
const rows = await Promise.all(Array.from({ length: 200 }, (_, n) => pool.query('select $1::int as n', [n])));
rows.forEach((r, n) => assert.equal(r.rows[0].n, n));
const named = await Promise.all(Array.from({ length: 200 }, (_, n) => pool.query(byId((n % 3) + 1))));
named.forEach((r, n) => assert.equal(r.rows[0].name, names[n % 3]));
await pool.query("insert into items values (100, '0')");
await Promise.all(Array.from({ length: 40 }, async () => {
  const c = await pool.connect();
  await c.query('begin');
  const { name } = (await c.query({ name: 'lock', text: 'select name from items where id = $1 for update', values: [100] })).rows[0];
  await c.query({ name: 'set', text: 'update items set name = $2 where id = $1', values: [100, Number(name) + 1] });
  await c.query('commit');
  c.release();
}));
assert.equal((await pool.query(byId(100))).rows[0].name, '40');

await assert.rejects(pool.query('select * from nowhere'), { code: '42P01' });
assert.equal((await pool.query('select 1 as one')).rows[0].one, 1);
await pool.end();
console.log('all well');
