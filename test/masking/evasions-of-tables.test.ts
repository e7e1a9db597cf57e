/**
 * Ways around masking by what moves data without a statement that says so: parameters of EXECUTE, defaults, USING, generated columns, foreign keys, heirs
 * and triggers of temporary tables; and by what the server's own catalog keeps of tables. Each is a session; no canary may come down in any of them.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../support/raw-client.js';
import { CANARIES } from './canary.js';
import { CANARY_POLICY, type CanaryWorld, startCanaryWorld } from './canary-world.js';

const [first] = CANARIES.map(({ text }) => text);
const POLICY = CANARY_POLICY.replace(
  'data:\n',
  'data:\n  bank.people.ssn: { class: ssn }\n  bank.people.late: { class: ssn }\n  bank.parted.ssn: { class: ssn }\n',
);

const MORE = `
  create table bank.people (id int, ssn text);
  insert into bank.people select id, ssn from bank.customers;
  alter table bank.people add column late text default '${first}';
  create table bank.parted (ssn text) partition by list (ssn);
  create table bank.parted_1 partition of bank.parted for values in ('${first}');
  create table bank.by_id (id int, word text) partition by range (id);
  create table bank.by_id_1 partition of bank.by_id for values from (0) to (100);
  create table bank.by_id_2 (id int, word text);
  create table bank.open (id int, word text);
  insert into bank.open values (1, 'a'), (2, 'b');
  create function bank.keeps() returns trigger language plpgsql as $$ begin insert into bank.open values (9, new.a); return new; end $$;
  insert into bank.scratch values (1, 'here');
`;

const EVASIONS: readonly (readonly [name: string, ...texts: string[]])[] = [
  // ---- parameters of EXECUTE
  ['a parameter of EXECUTE', 'prepare p1 (text) as select $1', 'execute p1(bank.ssn_of(1))'],
  ['a parameter that is computed with', 'prepare p1 (text) as select upper($1) || word from bank.plain', 'execute p1(bank.ssn_of(1))'],
  ['a parameter in one text', 'prepare p1 (text) as select $1; execute p1(bank.ssn_of(1))'],
  ['a parameter in a plan', 'prepare p2 (text) as select word from bank.plain where word = $1', 'explain (verbose) execute p2(bank.ssn_of(1))'],
  ['a parameter in a table', 'prepare p1 (text) as select $1 as w', 'create table public.given as execute p1(bank.ssn_of(1))', 'select w from public.given'],
  ['a parameter in a temporary table', 'prepare p1 (text) as select $1 as w', 'create temp table given as execute p1(bank.ssn_of(1))', 'select w from given'],
  ['a parameter that is written', 'prepare p3 (text) as insert into bank.open values (3, $1)', 'execute p3(bank.ssn_of(1))', 'select word from bank.open'],
  ['a parameter that RETURNING shows', 'prepare p4 (text) as update bank.open set id = id returning $1', 'execute p4(bank.ssn_of(1))'],
  [
    'characters of a parameter',
    'prepare p5 (text) as select chr(c) from generate_series(1, 19) n, generate_series(32, 122) c where substr($1, n, 1) = chr(c) order by n',
    'execute p5(bank.ssn_of(1))',
  ],
];

describe.each(['18', '15'] as const)('an evasion by tables, on PostgreSQL %s', (version) => {
  let canary: CanaryWorld;
  beforeAll(async () => {
    canary = await startCanaryWorld(version, POLICY);
    await canary.server.sql(MORE);
  }, 60_000);
  afterAll(() => canary[Symbol.asyncDispose]());

  it.each(EVASIONS)('%s', async (...[, ...texts]) => {
    const { client, canaries } = await canary.login();
    for (const text of texts) await client.run(query(text));
    client.close();
    expect(canaries()).toEqual([]);
  });
});
