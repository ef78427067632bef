// What node programs do: a pool, parameters, named prepared statements, a cursor, transactions, errors.
import assert from 'node:assert';
import pg from 'pg';
import Cursor from 'pg-cursor';

const connectionString = process.argv[2];
const pool = new pg.Pool({ connectionString, max: 10 });

const rows = await Promise.all(Array.from({ length: 200 }, (_, n) => pool.query('select $1::int as n', [n])));
rows.forEach((r, n) => assert.equal(r.rows[0].n, n));

const named = await Promise.all(Array.from({ length: 100 }, (_, n) =>
  pool.query({ name: 'by-id', text: 'select name from items where id = $1', values: [(n % 3) + 1] })));
named.forEach((r, n) => assert.equal(r.rows[0].name, ['one', 'two', 'three'][n % 3]));

const client = await pool.connect();
const cursor = client.query(new Cursor('select n from generate_series(1, 1000) n'));
let sum = 0;
for (;;) {
  const part = await cursor.read(99);
  if (part.length === 0) break;
  part.forEach((r) => { sum += r.n; });
}
await cursor.close();
assert.equal(sum, 500500);

await client.query('begin');
await client.query("insert into items values (50, 'fifty')");
await assert.rejects(client.query("insert into items values (50, 'again')"), { code: '23505' });
await assert.rejects(client.query('select 1'), { code: '25P02' });
await client.query('rollback');
assert.equal((await client.query('select count(*)::int as c from items')).rows[0].c, 3);
client.release();

await assert.rejects(pool.query('select * from nowhere'), { code: '42P01' });
assert.equal((await pool.query('select 1 as one')).rows[0].one, 1);
await pool.end();
console.log('all well');
