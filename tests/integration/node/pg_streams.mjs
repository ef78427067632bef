// pg-cursor and pg-query-stream: portals read in portions, closed early, within and without a transaction.
import assert from 'node:assert/strict';
import pg from 'pg';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';

const pool = new pg.Pool({ connectionString: process.argv[2], max: 8 });
const series = 'select n from generate_series(1, $1::int) n';
const sumTo = (n) => (n * (n + 1)) / 2;

async function sumByCursor(client, n, portion) {
  const cursor = client.query(new Cursor(series, [n]));
  let sum = 0;
  for (let part = await cursor.read(portion); part.length > 0; part = await cursor.read(portion)) {
    part.forEach((r) => { sum += r.n; });
  }
  await cursor.close();
  return sum;
}

async function sumByStream(client, n, batchSize) {
  let sum = 0;
  for await (const row of client.query(new QueryStream(series, [n], { batchSize }))) sum += row.n;
  return sum;
}

const client = await pool.connect();
for (const begin of ['select 1', 'begin']) {
  await client.query(begin);
  assert.equal(await sumByCursor(client, 1000, 99), sumTo(1000));
  assert.equal(await sumByStream(client, 1000, 100), sumTo(1000));

  // Closed before its end.
  const cursor = client.query(new Cursor(series, [1000]));
  assert.deepEqual((await cursor.read(2)).map((r) => r.n), [1, 2]);
  await cursor.close();
  for await (const row of client.query(new QueryStream(series, [1000], { batchSize: 10 }))) if (row.n === 25) break;
  assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
}
await client.query('rollback');

// An error in the midst of the rows, then recovery.
const failing = client.query(new Cursor('select 10 / (5 - n) as q from generate_series(1, 9) n'));
assert.deepEqual((await failing.read(2)).map((r) => r.q), [2, 3]);
await assert.rejects(failing.read(9), { code: '22012' });
await assert.rejects(sumByStream(client, 'no number', 5), { code: '22P02' });
assert.equal((await client.query('select 1 as one')).rows[0].one, 1);

// What a cursor reads is changed by the transaction that holds it.
await client.query('begin');
for await (const row of client.query(new QueryStream('select id from items order by id for update', [], { batchSize: 1 }))) {
  assert.ok(row.id <= 3);
}
assert.equal((await client.query("update items set name = 'locked'")).rowCount, 3);
await client.query('commit');
client.release();
assert.equal((await pool.query("select count(*)::int as c from items where name = 'locked'")).rows[0].c, 3);

// Eight clients with open portals, fewer servers.
await Promise.all(Array.from({ length: 32 }, async (_, n) => {
  const c = await pool.connect();
  const read = n % 2 ? sumByCursor : sumByStream;
  assert.equal(await read(c, 300 + n, 50), sumTo(300 + n));
  c.release();
}));
await pool.end();
console.log('all well');
