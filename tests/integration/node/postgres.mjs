// postgres.js: pipelined queries, prepared and not, unsafe, begin and savepoint, cursor, COPY.
import assert from 'node:assert/strict';
import postgres from 'postgres';

const sql = postgres(process.argv[2], { max: 8 });
const names = ['one', 'two', 'three'];
const plain = (rows) => rows.map((row) => ({ ...row }));

// Create, read, update, delete.
assert.deepEqual(plain(await sql`insert into items ${sql([{ id: 4, name: 'four' }, { id: 5, name: 'five' }])} returning id`), [{ id: 4 }, { id: 5 }]);
assert.equal((await sql`update items set name = upper(name) where id in ${sql([4, 5])}`).count, 2);
assert.deepEqual(plain(await sql`select name from items where id > ${3} order by id`), [{ name: 'FOUR' }, { name: 'FIVE' }]);
assert.equal((await sql`delete from items where id > ${3}`).count, 2);

// Prepared, not prepared, several statements in one string.
assert.equal((await sql.unsafe('select $1::int + 1 as n', [1], { prepare: true }))[0].n, 2);
assert.equal((await sql.unsafe('select $1::int + 1 as n', [2]))[0].n, 3);
assert.deepEqual((await sql`select 1 as a; select 2 as b`.simple()).map((r) => r[0]), [{ a: 1 }, { b: 2 }]);
assert.equal((await sql`select name from items where id = ${1}`.describe()).columns[0].name, 'name');

// A prepared statement on each server in turn: two clients hold both, and one lets go. In transactions, or else the driver
// would prepare anew by itself.
const one = await sql.reserve();
const blockers = [await sql.reserve(), await sql.reserve()];
for (const b of blockers) await b.unsafe('begin');
for (const [n, b] of [...blockers, ...blockers].entries()) {
  await b.unsafe('rollback');
  await one.unsafe('begin');
  assert.equal((await one`select name from items where id = ${(n % 3) + 1}`)[0].name, names[n % 3]);
  await one.unsafe('commit');
  await b.unsafe('begin');
}
for (const b of blockers) await b.unsafe('rollback');
for (const c of [one, ...blockers]) c.release();

// Transactions: rolled back by an error, with a savepoint, committed; pipelined within.
await assert.rejects(sql.begin(async (t) => {
  await t`insert into items values (50, 'fifty')`;
  await t`insert into items values (50, 'again')`;
}), { code: '23505' });
assert.equal((await sql`select * from items where id = 50`).length, 0);
await sql.begin('isolation level repeatable read', async (t) => {
  await t`insert into items values (51, 'outer')`;
  await assert.rejects(t.savepoint(async (s) => {
    await s`insert into items values (52, 'inner')`;
    await s`select 1/0`;
  }), { code: '22012' });
  const both = await Promise.all([t`select count(*)::int as c from items where id > 50`, t`show transaction_isolation`]);
  assert.equal(both[0][0].c, 1);
  assert.equal(both[1][0].transaction_isolation, 'repeatable read');
});
assert.equal((await sql`select name from items where id = 51`)[0].name, 'outer');

// An error among pipelined queries of one connection is that query's alone.
const single = postgres(process.argv[2], { max: 1 });
const mixed = await Promise.allSettled(Array.from({ length: 50 }, (_, n) => single`select 100 / ${n - 25}::int as q`));
mixed.forEach((r, n) => assert.equal(r.status === 'fulfilled' ? r.value[0].q : r.reason.code, n === 25 ? '22012' : Math.trunc(100 / (n - 25))));
await single.end();

// Cursor, whole and left early; COPY in and out.
let sum = 0;
for await (const rows of sql`select n from generate_series(1, 1000) n`.cursor(99)) rows.forEach((r) => { sum += r.n; });
assert.equal(sum, 500500);
await sql`select n from generate_series(1, 1000) n`.cursor(10, (rows) => (rows[0].n > 50 ? sql.CLOSE : undefined));
const into = await sql`copy items from stdin`.writable();
for (let n = 1000; n < 3000; n += 1) into.write(`${n}\tcopied\n`);
await new Promise((done, failed) => { into.on('error', failed); into.end(done); });
let text = '';
for await (const chunk of await sql`copy (select id from items where name = 'copied') to stdout`.readable()) text += chunk;
assert.equal(text.split('\n').length - 1, 2000);

// Eight clients, fewer servers.
const rows = await Promise.all(Array.from({ length: 400 }, (_, n) => sql`select ${n}::int as n, name from items where id = ${(n % 3) + 1}`));
rows.forEach((r, n) => assert.deepEqual({ ...r[0] }, { n, name: names[n % 3] }));
await sql`insert into items values (100, '0')`;
await Promise.all(Array.from({ length: 40 }, () => sql.begin(async (t) => {
  const [{ name }] = await t`select name from items where id = 100 for update`;
  await t`update items set name = ${String(Number(name) + 1)} where id = 100`;
})));
assert.equal((await sql`select name from items where id = 100`)[0].name, '40');
await sql.end();
console.log('all well');
