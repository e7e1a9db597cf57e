/**
 * Ways around masking by the extended protocol that were found by attacking it: what is bound, and what is run later than it was bound. Each
 * is a session of several pipelines against a real server. What a message answers does not matter; no canary may come down in any of them.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bind, parse, sync } from '../support/raw-client.js';
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
`;

/** Each pipeline ends with one Sync or Query. */
const EVASIONS: readonly { readonly name: string; readonly pipelines: readonly Buffer[][] }[] = [
  // ---- errors of planning, which answer the Bind
  { name: 'a function that is folded when it is bound', pipelines: [[parse('', 'select bank.fixed(1)::int'), bind('', ''), sync()]] },
  {
    name: 'the bounds of a partition as a number',
    pipelines: [[parse('', "select 1 from pg_class where relnatts = pg_get_partition_constraintdef('bank.family_1'::regclass)::int"), bind('', ''), sync()]],
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

  it('nothing of it was written to disk', async () => {
    expect(await canary.canariesOnDisk()).toEqual([]);
  });

  it('is none for somebody who sees clear text, who is shown it', async () => {
    const missing: string[] = [];
    for (const { name, pipelines } of EVASIONS) {
      const { client } = await canary.login('vault');
      const bodies: Buffer[] = [];
      for (const pipeline of pipelines) for (const { body } of await client.run(...pipeline)) bodies.push(body);
      client.close();
      if (canariesIn(Buffer.concat(bodies)).length === 0) missing.push(name);
    }
    expect(missing).toEqual([]);
  });
});
