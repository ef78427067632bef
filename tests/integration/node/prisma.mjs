// Prisma with its driver adapter for pg: queries, raw ones, both kinds of transactions, many at once.
import assert from 'node:assert/strict';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '@prisma/client';

const adapter = new PrismaPg({ connectionString: process.argv[2], max: 8 });
const prisma = new PrismaClient({ adapter, transactionOptions: { maxWait: 20000, timeout: 20000 } });
const names = ['one', 'two', 'three'];

// Create, read, update, delete.
assert.deepEqual(await prisma.item.create({ data: { id: 4, name: 'four' } }), { id: 4, name: 'four' });
assert.equal((await prisma.item.createMany({ data: Array.from({ length: 100 }, (_, n) => ({ id: 200 + n, name: `n${n}` })) })).count, 100);
assert.deepEqual(await prisma.item.update({ where: { id: 4 }, data: { name: 'FOUR' } }), { id: 4, name: 'FOUR' });
assert.equal((await prisma.item.upsert({ where: { id: 5 }, create: { id: 5, name: 'five' }, update: {} })).name, 'five');
assert.deepEqual((await prisma.item.findMany({ where: { id: { lt: 100 } }, orderBy: { id: 'desc' }, take: 2 })).map((r) => r.id), [5, 4]);
assert.equal((await prisma.item.deleteMany({ where: { id: { gt: 3 } } })).count, 102);
assert.equal(await prisma.item.count(), 3);

// Raw queries.
assert.deepEqual(await prisma.$queryRaw`select id, name from items where id = ${2}`, [{ id: 2, name: 'two' }]);
assert.equal(await prisma.$executeRaw`update items set name = name where id <= ${2}`, 2);

// A unique violation, a list of queries as one transaction, an interactive one.
await assert.rejects(prisma.item.create({ data: { id: 1, name: 'again' } }), { code: 'P2002' });
await assert.rejects(prisma.$transaction([
  prisma.item.create({ data: { id: 50, name: 'fifty' } }),
  prisma.item.create({ data: { id: 50, name: 'again' } }),
]), { code: 'P2002' });
assert.equal(await prisma.item.count(), 3);
await assert.rejects(prisma.$transaction(async (t) => {
  await t.item.create({ data: { id: 50, name: 'fifty' } });
  await t.$queryRaw`select 1/0`;
}), /division by zero/);
assert.equal(await prisma.item.findUnique({ where: { id: 50 } }), null);
await prisma.$transaction(async (t) => {
  await t.item.create({ data: { id: 51, name: 'stays' } });
  assert.deepEqual(await t.$queryRaw`show transaction_isolation`, [{ transaction_isolation: 'serializable' }]);
}, { isolationLevel: 'Serializable' });
assert.equal((await prisma.item.findUnique({ where: { id: 51 } })).name, 'stays');

// Eight clients, fewer servers.
const rows = await Promise.all(Array.from({ length: 200 }, (_, n) => prisma.item.findFirst({ where: { id: (n % 3) + 1 } })));
rows.forEach((r, n) => assert.equal(r.name, names[n % 3]));
await prisma.item.create({ data: { id: 100, name: '0' } });
await Promise.all(Array.from({ length: 40 }, () => prisma.$transaction(async (t) => {
  const [{ name }] = await t.$queryRaw`select name from items where id = 100 for update`;
  await t.item.update({ where: { id: 100 }, data: { name: String(Number(name) + 1) } });
})));
assert.equal((await prisma.item.findUnique({ where: { id: 100 } })).name, '40');
await prisma.$disconnect();
console.log('all well');
