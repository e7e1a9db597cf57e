/**
 * A view that somebody is changing cannot be read, and then the definitions of all views are lost to that reading of the catalog. Nothing is known of what they
 * show, so nothing of it is shown: a lock on any view must not uncover what others hide.
 */
import pg from 'pg';
import { expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { startPathWorld } from '../support/path-world.js';
import { startRealPostgres } from '../support/real-postgres.js';

const SSN = '536-90-4399';
const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial } }
data: { '*.people.ssn': { class: ssn } }
rules: [{ id: all-connect, effect: allow, actions: [connect] }]
`;

it('shows nothing of views while their definitions are not to be had', async () => {
  await using server = await startRealPostgres('18');
  await server.sql(`create table people (id int, ssn text); insert into people values (1, '${SSN}');
    create view other as select id from people; create view seen as select ssn as number from people;
    create materialized view kept as select ssn as number from people`);
  await using world = await startPathWorld({ server, policy: POLICY });
  const [client, locking] = [new pg.Client({ connectionString: world.url('token-ann') }), new pg.Client({ connectionString: server.url })];
  await Promise.all([client.connect(), locking.connect()]);
  const shown = async (): Promise<unknown[]> => (await client.query('select s.number, k.number as kept from seen s, kept k')).rows;
  try {
    expect(await shown()).toEqual([{ number: '***-**-4399', kept: '***-**-4399' }]);
    await locking.query('begin; create or replace view other as select id from people');
    await server.sql('create table another (id int)');
    await eventually('the catalog was read without them', async () => {
      const rows = await shown();
      expect(JSON.stringify(rows)).not.toContain(SSN);
      return JSON.stringify(rows) === JSON.stringify([{ number: '****', kept: '****' }]);
    });
    await expect(client.query('create table copy as select number from seen')).rejects.toMatchObject({ code: '42501' });
    await locking.query('rollback');
    await eventually('it was read again', async () => JSON.stringify(await shown()).includes('***-**-4399'));
  } finally {
    await Promise.all([client.end(), locking.end()]);
  }
});
