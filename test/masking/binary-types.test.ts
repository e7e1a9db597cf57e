/**
 * Every type of the server that a column may have and that has a binary format, tagged, with a real value, shown in binary by each treatment: what comes
 * is no clear value, and the server's own receive function takes it for a value of the type. Types that are not asked are listed by name.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Treatment } from '../../src/contract/masking.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { fields, frame, int32, RawClient, type Reply } from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';

const TREATMENTS: readonly Treatment[] = ['mask', 'partial', 'token', 'null', 'generalise'];
/** Classes whose treatments do something else for some type; a name of forty characters makes the longest token. */
const CLASSES = ['ssn', 'name', 'dob', 'ip', 'zip', 'email', 'amount', 'a_class_with_a_name_that_is_very_long_xx'] as const;

/** A value of each base type, as text, that says something. Types that are made of others (arrays, ranges, domains …) get theirs from these. */
const VALUES: Readonly<Record<string, string>> = {
  bool: 'true',
  bytea: '\\x4b71375857',
  char: 'K',
  name: 'Kq7X-Wz3v',
  int8: '7391846205',
  int2: '7391',
  int4: '739184620',
  regproc: 'pg_catalog.now',
  text: 'Kq7X-Wz3v-9bTn',
  oid: '73918462',
  tid: '(7391,84)',
  xid: '73918462',
  cid: '7391846',
  json: '{"k": "Kq7X-Wz3v"}',
  xml: '<k>Kq7X-Wz3v</k>',
  xid8: '7391846205',
  point: '(73.91,84.62)',
  lseg: '[(73.91,84.62),(82.64,9.71)]',
  path: '((73.91,84.62),(82.64,9.71))',
  box: '(82.64,97.15),(73.91,84.62)',
  polygon: '((73.91,84.62),(82.64,9.71))',
  line: '{73.91,84.62,5}',
  float4: '7391.84',
  float8: '7391846.205',
  unknown: 'Kq7X',
  circle: '<(73.91,84.62),9>',
  money: '73918.46',
  macaddr: '73:91:84:62:05:aa',
  inet: '73.91.84.62',
  cidr: '73.91.84.0/24',
  macaddr8: '73:91:84:62:05:aa:bb:cc',
  bpchar: 'Kq7X-Wz3v',
  varchar: '536-90-4399',
  date: '1971-03-19',
  time: '07:39:18.46',
  timestamp: '1971-03-19 07:39:18',
  timestamptz: '1971-03-19 07:39:18+00',
  interval: '7 mons 39 days 18:46:20',
  timetz: '07:39:18+05',
  bit: '1',
  varbit: '1011010',
  numeric: '7391846.205',
  refcursor: 'Kq7X-Wz3v',
  regprocedure: 'pg_catalog.now()',
  regoper: 'pg_catalog.||/',
  regoperator: 'pg_catalog.||/(NONE,double precision)',
  regclass: 'pg_catalog.pg_class',
  regcollation: 'pg_catalog."C"',
  regtype: 'integer',
  regrole: 'owner',
  regnamespace: 'pg_catalog',
  regdatabase: 'postgres',
  uuid: '3f2b8c1e-0000-4000-8000-00000000beef',
  pg_lsn: '7391/84620500',
  tsvector: "'kq7x':1 'wz3v':2",
  tsquery: "'kq7x' & 'wz3v'",
  regconfig: 'english',
  regdictionary: 'simple',
  jsonb: '{"k": "Kq7X-Wz3v"}',
  jsonpath: '$."Kq7X"',
  txid_snapshot: '7391:7395:7392',
  pg_snapshot: '7391:7395:7392',
  record: '',
  int2vector: '7391 8462',
  oidvector: '7391 8462',
  mood: 'Kq7X',
  word: 'Kq7X-Wz3v',
  number: '739184620',
  letter: 'K',
  pair: '(7391846,Kq7X-Wz3v)',
  citext: 'Kq7X-Wz3v',
  hstore: '"k"=>"Kq7X-Wz3v"',
  spell: '[Kq7X,Wz3v)',
};
/** Of ranges, by their elements. */
const BOUNDS: Readonly<Record<string, readonly [string, string]>> = {
  int4range: ['7391846', '7391899'],
  int8range: ['7391846205', '7391846299'],
  numrange: ['7391.846', '7391.9'],
  tsrange: ['1971-03-19 07:39:18', '1972-01-01 00:00:00'],
  tstzrange: ['1971-03-19 07:39:18+00', '1972-01-01 00:00:00+00'],
  daterange: ['1971-03-19', '1972-01-01'],
};

interface Column {
  readonly name: string;
  /** As the server writes it, with its schema. */
  readonly type: string;
  readonly oid: number;
  readonly value: string;
}

let server: RealPostgres;
let direct: pg.Client;
let worlds: ReadonlyMap<string, PathWorld>;
let columns: readonly Column[];
/** Types with a binary format that are not asked about here, and why. */
const left: string[] = [];

const rowsOf = async (text: string, values: unknown[] = []): Promise<Record<string, string>[]> =>
  (await direct.query<Record<string, string>>(text, values)).rows;

async function columnsOfAllTypes(): Promise<Column[]> {
  const types = await rowsOf(`
    select t.oid::int, t.typname as name, format_type(t.oid, null) as type, t.typtype as kind, n.nspname as schema,
           e.typname as element, (select s.typname from pg_range r join pg_type s on s.oid = r.rngtypid where r.rngmultitypid = t.oid) as range
      from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
      left join pg_class c on c.oid = coalesce(nullif(t.typrelid, 0), e.typrelid)
     where t.typtype in ('b', 'r', 'm', 'e', 'c', 'd') and t.typsend <> 0 and coalesce(e.typsend <> 0, true) and (c.relkind is null or c.relkind = 'c') and n.nspname <> 'information_schema'
     order by t.oid`);
  const exampleOf = (name: string): string | null => {
    const found = types.find((each) => each['name'] === name);
    if (VALUES[name] !== undefined) return VALUES[name] ?? null;
    if (BOUNDS[name] !== undefined) return `[${BOUNDS[name]?.map((each) => `"${each}"`).join(',') ?? ''})`;
    const range = found?.['range'] == null ? null : exampleOf(found['range']);
    if (range !== null) return `{${range}}`;
    const element = found?.['element'] == null ? null : exampleOf(found['element']);
    return element === null ? null : `{"${element.replace(/["\\]/g, '\\$&')}"}`;
  };
  const made: Column[] = [];
  for (const { name = '', type = '', oid, element, kind } of types) {
    const value = exampleOf(name);
    // A row type of the catalog is that of a table of it, which nobody can have a column of; an array of one is the same.
    if (value === null) left.push(`${type}: ${kind === 'c' ? 'a row type' : `${element ?? kind} has no value here`}`);
    else {
      const error = await direct.query(`create temp table tried as select $1::text::${type} as v`, [value]).then(
        () => null,
        (thrown: Error) => thrown.message,
      );
      await direct.query('drop table if exists tried');
      if (error === null) made.push({ name: `c${made.length}`, type, oid: Number(oid), value });
      else left.push(`${type}: ${error}`);
    }
  }
  return made;
}

beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql(`create extension if not exists citext; create extension if not exists hstore`);
  await server.sql(`create type mood as enum ('Kq7X', 'other'); create domain word as text; create domain number as int; create domain letter as "char";
    create type pair as (a int, b text); create type spell as range (subtype = text)`);
  direct = new pg.Client({ connectionString: server.url });
  await direct.connect();
  columns = await columnsOfAllTypes();
  await server.sql(`create table public.all_types (${columns.map(({ name, type }) => `${name} ${type}`).join(', ')})`);
  await direct.query(
    `insert into all_types values (${columns.map(({ type }, index) => `$${index + 1}::text::${type}`).join(', ')})`,
    columns.map(({ value }) => value),
  );
  const policyOf = (treatment: Treatment, of: string): string => `
version: 1
defaults: [{ operations: allow }]
classes: { ${of}: { treatment: '${treatment}' } }
data: { 'public.all_types.*': { class: ${of} } }
masks: [{ id: vault, treatment: clear, subjects: { groups: [vault] } }]
rules: [{ id: all-connect, effect: allow, actions: [connect] }]`;
  const all = await Promise.all(
    TREATMENTS.flatMap((treatment) =>
      CLASSES.map(async (of) => {
        const world = await startPathWorld({ server, policy: policyOf(treatment, of) });
        world.identities.set('vera', { groups: ['vault'] });
        return [`${treatment} ${of}`, world] as const;
      }),
    ),
  );
  worlds = new Map(all);
}, 120_000);
afterAll(async () => {
  for (const world of worlds?.values() ?? []) await world[Symbol.asyncDispose]();
  await direct?.end();
  await server?.[Symbol.asyncDispose]();
});

/** Cells of the one row, as bytes. */
function cellsOf(replies: readonly Reply[]): readonly (Buffer | null)[] {
  expect(replies.filter(({ type }) => type === 'E').map((reply) => fields(reply)['M'])).toEqual([]);
  const body = replies.find(({ type }) => type === 'D')?.body ?? Buffer.alloc(0);
  const cells: (Buffer | null)[] = [];
  for (let at = 2, left = body.readInt16BE(0); left > 0; left--) {
    const size = body.readInt32BE(at);
    cells.push(size < 0 ? null : body.subarray(at + 4, at + 4 + size));
    at += 4 + Math.max(size, 0);
  }
  return cells;
}
async function binaryRow(port: number, user: string, password: string, database: string): Promise<readonly (Buffer | null)[]> {
  const client = await RawClient.login(port, user, password, database);
  const text = `select ${columns.map(({ name }) => name).join(', ')} from all_types`;
  const replies = await client.run(
    Buffer.concat([
      frame('P', `\0${text}\0\0\0`),
      frame('B', Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 0, 1])),
      frame('D', 'P\0'),
      frame('E', '\0', int32(0)),
      frame('S'),
    ]),
  );
  client.close();
  return cellsOf(replies);
}

/** What the server's receive function of the type makes of it, written as text; an error, if it does not take it. */
async function received(client: RawClient, { type, oid }: Column, bytes: Buffer): Promise<string> {
  const int16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
  const replies = await client.run(
    Buffer.concat([
      frame('P', `\0select $1::${type}::text\0`, int16(1), int32(oid)),
      frame('B', '\0\0', int16(1), int16(1), int16(1), int32(bytes.length), bytes, int16(0)),
      frame('E', '\0', int32(0)),
      frame('S'),
    ]),
  );
  const error = replies.find((reply) => reply.type === 'E');
  if (error !== undefined) return `error: ${fields(error)['M'] ?? ''}`;
  return (cellsOf(replies)[0] ?? Buffer.from('null')).toString();
}

it('most types of the server are asked about; these are not', () => {
  expect(columns.length).toBeGreaterThan(130);
  expect(left).toEqual([
    // Nobody can put a value of these into a column.
    'pg_node_tree: b has no value here',
    'cstring[]: cstring has no value here',
    ...['pg_ndistinct', 'pg_dependencies', 'pg_brin_bloom_summary', 'pg_brin_minmax_multi_summary', 'pg_mcv_list'].map(
      (name) => `${name}: b has no value here`,
    ),
  ]);
});

it('the columns hold what somebody is shown who may see them', async () => {
  const clear = await binaryRow(server.port, server.username, server.password, server.database);
  expect(columns.filter((_, index) => clear[index] === null)).toEqual([]);
  const shown = await binaryRow(worlds.get('mask ssn')?.port ?? 0, 'bank-db', 'token-vera', 'bank-db');
  expect(shown).toEqual(clear);
});

describe.each(TREATMENTS)('%s', (treatment) => {
  it.each(CLASSES)('of class %s', async (of) => {
    const clear = await binaryRow(server.port, server.username, server.password, server.database);
    const shown = await binaryRow(worlds.get(`${treatment} ${of}`)?.port ?? 0, 'bank-db', 'token-ann', 'bank-db');
    const client = await RawClient.login(server.port, server.username, server.password, server.database);
    const problems: string[] = [];
    let values = 0;
    for (const [index, column] of columns.entries()) {
      const bytes = shown[index] ?? null;
      if (bytes === null) continue;
      values++;
      const text = await received(client, column, bytes);
      if (text.startsWith('error: ')) problems.push(`${column.type}: ${text}`);
      if (clear[index]?.equals(bytes) === true) problems.push(`${column.type}: it is the clear value ${text}`);
    }
    client.close();
    expect(problems).toEqual([]);
    expect(values > 0).toBe(treatment !== 'null');
  });
});
