/**
 * Ways around masking by the names of prepared statements and cursors, which were found by attacking it: a Parse takes any statement, and SQL runs it by its
 * name. Each is a session of several pipelines against a real server; no canary may come down in any of them.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bind, execute, parse, query, rowsOf, sync } from '../support/raw-client.js';
import { canariesIn } from './canary.js';
import { type CanaryWorld, startCanaryWorld } from './canary-world.js';

const CLEAN = query("prepare s as select 'q' || '' as v");
const RUN_BY_NAME: [name: string, ...pipelines: Buffer[][]][] = [
  [
    'a name that is given anew by statements that are run by theirs',
    [CLEAN],
    [parse('d', 'deallocate s'), parse('p', 'prepare s as select reverse(ssn) as v from bank.customers'), sync()],
    [query('execute d')],
    [query('execute p')],
    [query('execute s')],
  ],
  [
    'the same in one text',
    [CLEAN],
    [parse('d', 'deallocate s'), parse('p', 'prepare s as select reverse(ssn) as v from bank.customers'), sync()],
    [query('execute d; execute p; execute s')],
  ],
  [
    'the same by portals',
    [CLEAN],
    [parse('d', 'deallocate s'), parse('p', 'prepare s as select reverse(ssn) as v from bank.customers'), parse('e', 'execute s'), sync()],
    [parse('', 'execute d'), bind('', ''), execute(''), sync()],
    [parse('', 'execute p'), bind('', ''), execute(''), sync()],
    [bind('', 'e'), execute(''), sync()],
  ],
  [
    'a cursor that is declared anew by statements that are run by their names',
    [query("begin; declare c cursor for select 'q' || '' as v")],
    [parse('x', 'close c'), parse('n', 'declare c cursor for select reverse(ssn) as v from bank.customers'), sync()],
    [query('execute x')],
    [query('execute n')],
    [query('fetch all c')],
  ],
  [
    'a portal that runs a name, fetched by SQL',
    [CLEAN],
    [parse('e', 'execute s'), sync()],
    [query('deallocate s; prepare s as select reverse(ssn) as v from bank.customers')],
    [query('begin')],
    [bind('portal', 'e'), query('fetch all portal')],
  ],
];

describe.each(['18', '15'] as const)('an evasion by a name, on PostgreSQL %s', (version) => {
  let canary: CanaryWorld;

  beforeAll(async () => {
    canary = await startCanaryWorld(version);
  });
  afterAll(() => canary[Symbol.asyncDispose]());

  it.each(RUN_BY_NAME)('%s', async (_name, ...pipelines) => {
    const { client, canaries } = await canary.login();
    const found: string[] = [];
    for (const pipeline of pipelines)
      for (const row of rowsOf(await client.run(...pipeline))) found.push(...row.flatMap((cell) => canariesIn(Buffer.from(cell ?? ''))));
    client.close();
    expect([...canaries(), ...found]).toEqual([]);
  });

  it('what EXECUTE runs by a name is followed where it is a statement that PREPARE takes', async () => {
    const { client } = await canary.login();
    await client.run(parse('s', 'select word from bank.plain'), parse('w', 'show application_name'), sync());
    expect(rowsOf(await client.run(query('execute s'))).length).toBeGreaterThan(0);
    expect(rowsOf(await client.run(query('execute w')))).toEqual([]);
    expect(rowsOf(await client.run(bind('', 'w'), execute(''), sync()))).toHaveLength(1);
    client.close();
  });
});
