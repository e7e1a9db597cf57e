/**
 * Ways around masking by the extended protocol that were found by attacking it: what is bound, and what is run later than it was bound. Each
 * is a session of several pipelines against a real server. What a message answers does not matter; no canary may come down in any of them.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { bind, execute, fields, parse, query, type Reply, rowsOf, shape, sync } from '../support/raw-client.js';
import { canariesIn } from './canary.js';
import { CANARY_POLICY, type CanaryWorld, startCanaryWorld } from './canary-world.js';

const POLICY = CANARY_POLICY.replace('data:\n', 'data:\n  bank.family.ssn: { class: ssn }\n');

const MORE = `
  create function bank.fixed(int) returns text language sql immutable as 'select max(ssn) from bank.customers';
  create table bank.family (id int, ssn text) partition by list (ssn);
  do $$ declare s text; begin
    select max(ssn) into s from bank.customers;
    execute format('create table bank.family_1 partition of bank.family for values in (%L)', s);
  end $$;
  create function bank.remember() returns void language plpgsql as $$ begin perform set_config('application_name', (select max(ssn) from bank.customers), false); end $$;
  create view public.seen as select word as w from bank.plain;
`;

const later = (text: string): Buffer[] => [parse('', text), bind('p', ''), sync()];
const run = (rows = 0): Buffer[] => [execute('p', rows), sync()];
const FILL = query('insert into t select ssn from bank.customers');
const FRESH = query("begin; create temp table t (a text); insert into t values ('clean')");

/** Each pipeline ends with one Sync or Query. */
const EVASIONS: readonly { readonly name: string; readonly pipelines: readonly Buffer[][] }[] = [
  // ---- errors of planning, which answer the Bind
  { name: 'a function that is folded when it is bound', pipelines: [[parse('', 'select bank.fixed(1)::int'), bind('', ''), sync()]] },
  {
    name: 'the bounds of a partition as a number',
    pipelines: [[parse('', "select 1 from pg_class where relnatts = pg_get_partition_constraintdef('bank.family_1'::regclass)::int"), bind('', ''), sync()]],
  },
  // ---- what reads when it runs, and not when it is bound
  { name: 'COPY of what came in since', pipelines: [[FRESH], later('copy t to stdout'), [FILL], run()] },
  {
    name: 'COPY of another table by now',
    pipelines: [[FRESH], later('copy t to stdout'), [query('drop table t; create temp table t as select ssn as a from bank.customers')], run()],
  },
  { name: 'RETURNING of what came in since', pipelines: [[FRESH], later('update t set a = a returning a'), [FILL], run()] },
  { name: 'WITH that writes', pipelines: [[FRESH], later('with x as (update t set a = a returning a) select a from x'), [FILL], run()] },
  {
    name: 'a prepared statement over what came in since',
    pipelines: [[FRESH], [query('prepare s as select a from t')], later('execute s'), [FILL], run()],
  },
  { name: 'a table made of what came in since', pipelines: [[FRESH], later('create temp table u as select a from t'), [FILL], run(), [query('table u')]] },
  {
    name: 'in one pipeline, behind what fills it',
    pipelines: [
      [FRESH],
      [parse('f', 'insert into t select ssn from bank.customers'), parse('c', 'copy t to stdout'), sync()],
      [bind('f', 'f'), bind('p', 'c'), execute('f'), execute('p'), sync()],
    ],
  },
  {
    name: 'in one pipeline, bound before what fills it',
    pipelines: [
      [FRESH],
      [parse('f', 'insert into t select ssn from bank.customers'), parse('c', 'copy t to stdout'), sync()],
      [bind('p', 'c'), bind('f', 'f'), execute('f'), execute('p'), sync()],
    ],
  },
  {
    name: 'COPY of a view that is another one by now',
    pipelines: [
      [query('begin')],
      later('copy (select w from public.seen) to stdout'),
      [query('create or replace view public.seen as select ssn as w from bank.customers')],
      run(),
      [query('rollback')],
    ],
  },
  { name: 'a setting that code changed since', pipelines: [[query('begin')], later('show application_name'), [query('select bank.remember()')], run()] },
  {
    name: 'a setting that code changed since, as a function gives it',
    pipelines: [[query('begin')], later("select current_setting('application_name')"), [query('select bank.remember()')], run()],
  },
  {
    name: 'a setting that code changed in the middle',
    pipelines: [
      [query('begin')],
      later("select current_setting('application_name') from generate_series(1, 3)"),
      run(1),
      [query('select bank.remember()')],
      run(),
    ],
  },
  // ---- what ran already when names came to mean something else
  {
    name: 'the rest of a prepared statement that is another one by now',
    pipelines: [
      [query('begin; prepare s as select ssn || $$!$$ as v from bank.customers')],
      later('execute s'),
      run(1),
      [query("deallocate s; prepare s as select word || '' as v from bank.plain")],
      run(),
    ],
  },
  {
    name: 'the rest of a prepared statement that SQL fetched from',
    pipelines: [
      [query('begin; prepare s as select ssn || $$!$$ as v from bank.customers')],
      later('execute s'),
      [query('fetch 1 from p')],
      [query("deallocate s; prepare s as select word || '' as v from bank.plain")],
      run(),
    ],
  },
];

describe.each(['18', '15'] as const)('an evasion by a portal, on PostgreSQL %s', (version) => {
  let canary: CanaryWorld;

  beforeAll(async () => {
    canary = await startCanaryWorld(version, POLICY);
    await canary.server.sql(MORE);
  });
  afterAll(() => canary[Symbol.asyncDispose]());

  it.each(EVASIONS)('$name', async ({ pipelines }) => {
    const { client, canaries } = await canary.login();
    for (const pipeline of pipelines) await client.run(...pipeline);
    client.close();
    expect(canaries()).toEqual([]);
  });

  it('a cursor that was held while its view became another one gives nothing of it when it is executed', async () => {
    await canary.server.sql('create view public.held as select ssn as w, id from bank.customers');
    const { client, canaries } = await canary.login();
    await client.run(query("begin; declare h cursor with hold for select w || '' as w from public.held order by id; commit"));
    await canary.server.sql('create or replace view public.held as select word as w, id from bank.plain');
    const { client: other } = await canary.login();
    await eventually(
      'the gateway knows the other view',
      async () => rowsOf(await other.run(query("select w || '' from public.held where id = 1")))[0]?.[0] === 'hello',
    );
    other.close();
    await client.run(execute('h', 1), sync());
    client.close();
    expect(canaries()).toEqual([]);
  });

  it.each([
    ['prepared statement', 'execute s', 'prepare s as select 1 as v', 'deallocate s; prepare s as select ssn as v from bank.customers'],
    ['cursor', 'fetch 1 from s', 'declare s cursor for select 1 as v', 'close s; declare s cursor for select ssn as v from bank.customers'],
  ])('a %s of other columns is not read as the one that was bound, not even in clear', async (_kind, text, before, after) => {
    const { client } = await canary.login('vault');
    await client.run(query(`begin; ${before}`));
    await client.run(...later(text));
    await client.run(query(after));
    const replies = await client.run(...run());
    client.close();
    expect(shape(replies)).toBe('E Z:E');
    expect(fields(replies[0] as Reply)['M']).toContain('bind it again');
  });

  it('nothing of it was written to disk', async () => {
    expect(await canary.canariesOnDisk()).toEqual([]);
  });

  it('is none for somebody who sees clear text, who is shown it', async () => {
    const missing: string[] = [];
    for (const { name, pipelines } of EVASIONS) {
      // For nobody: FETCH does not run what PREPARE does not take.
      if (name === 'the rest of a prepared statement that SQL fetched from') continue;
      const { client } = await canary.login('vault');
      const bodies: Buffer[] = [];
      for (const pipeline of pipelines) for (const { body } of await client.run(...pipeline)) bodies.push(body);
      client.close();
      if (canariesIn(Buffer.concat(bodies)).length === 0) missing.push(name);
    }
    expect(missing).toEqual([]);
  });
});
