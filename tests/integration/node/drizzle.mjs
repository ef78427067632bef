// Drizzle on pg and on postgres.js: queries, prepared ones, nested transactions, many at once.
import assert from 'node:assert/strict';
import pg from 'pg';
import postgres from 'postgres';
import { asc, eq, gt, sql } from 'drizzle-orm';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { drizzle as onPg } from 'drizzle-orm/node-postgres';
import { drizzle as onPostgresJs } from 'drizzle-orm/postgres-js';

const url = process.argv[2];
const items = pgTable('items', { id: integer('id').primaryKey(), name: text('name') });
// Drizzle wraps the driver's error.
const code = (wanted) => (error) => (error.cause ?? error).code === wanted;

async function work(db) {
  // Create, read, update, delete.
  assert.deepEqual(await db.insert(items).values([{ id: 4, name: 'four' }, { id: 5, name: 'five' }]).returning({ id: items.id }), [{ id: 4 }, { id: 5 }]);
  await db.update(items).set({ name: sql`upper(${items.name})` }).where(gt(items.id, 3));
  assert.deepEqual(await db.select().from(items).where(gt(items.id, 3)).orderBy(asc(items.id)), [{ id: 4, name: 'FOUR' }, { id: 5, name: 'FIVE' }]);
  assert.equal((await db.delete(items).where(gt(items.id, 3)).returning()).length, 2);

  // Prepared; transactions take servers away from under it.
  const byId = db.select({ name: items.name }).from(items).where(eq(items.id, sql.placeholder('id'))).prepare('drizzle_by_id');
  const names = await Promise.all(Array.from({ length: 120 }, (_, n) => (n % 4 ? byId.execute({ id: (n % 3) + 1 })
    : db.transaction(async (t) => t.select({ name: items.name }).from(items).where(eq(items.id, (n % 3) + 1))))));
  names.forEach((rows, n) => assert.deepEqual(rows, [{ name: ['one', 'two', 'three'][n % 3] }]));

  // Rolled back on purpose, by an error, in a savepoint; committed.
  await assert.rejects(db.transaction(async (t) => {
    await t.insert(items).values({ id: 50, name: 'fifty' });
    t.rollback();
  }), /[Rr]ollback/);
  await assert.rejects(db.transaction(async (t) => {
    await t.insert(items).values({ id: 50, name: 'fifty' });
    await t.insert(items).values({ id: 50, name: 'again' });
  }), code('23505'));
  await db.transaction(async (t) => {
    await t.insert(items).values({ id: 51, name: 'outer' });
    await assert.rejects(t.transaction(async (s) => {
      await s.insert(items).values({ id: 52, name: 'inner' });
      await s.execute(sql`select 1/0`);
    }), code('22012'));
  }, { isolationLevel: 'repeatable read' });
  assert.deepEqual(await db.select().from(items).where(gt(items.id, 3)), [{ id: 51, name: 'outer' }]);

  // Many transactions on one row, fewer servers.
  await db.insert(items).values({ id: 100, name: '0' });
  await Promise.all(Array.from({ length: 40 }, () => db.transaction(async (t) => {
    const [row] = await t.select().from(items).where(eq(items.id, 100)).for('update');
    await t.update(items).set({ name: String(Number(row.name) + 1) }).where(eq(items.id, 100));
  })));
  assert.deepEqual(await byId.execute({ id: 100 }), [{ name: '40' }]);
  await db.delete(items).where(gt(items.id, 3));
}

const pool = new pg.Pool({ connectionString: url, max: 8 });
await work(onPg(pool));
await pool.end();
const client = postgres(url, { max: 8 });
await work(onPostgresJs(client));
await client.end();
console.log('all well');
