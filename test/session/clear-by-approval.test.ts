/**
 * Clear text by approval, without another rule that holds: a statement whose result would show a class is held, people see which columns of which
 * class it would show, and their yes is good for that statement and these columns. Without it the values stay hidden, or nothing runs.
 */
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import type { SessionItem } from '../../src/recording/index.js';
import { approveAs, reviewer } from '../approval/desk-world.js';
import { eventually } from '../store/state-server.js';
import { DEBIAN_BIN } from '../support/real-postgres.js';
import { runProgram } from '../support/run-program.js';
import { HeldWorld, rows } from './held-world.js';
import { wholeStoryOf } from './session-story.js';

const SSN = '536-90-4399';
const PAN = '4111111111111111';
const policy = (mask: string, more = ''): string => `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial, detect: true }, pan: { treatment: mask } }
data: { '*.people.ssn': { class: ssn }, '*.people.pan': { class: pan }, '*.parted*.ssn': { class: ssn } }
masks:
  - { id: shown-by-yes, classes: [ssn], subjects: { groups: [engineers] }, treatment: clear, approval: { groups: [dba], expires: 10m, grants: 1h }${mask} }
${more}
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: whole-table, effect: require_approval, actions: [delete], approval: { groups: [dba] } }
`;
const REFUSED = policy('');
const MASKED = policy(', unapproved: masked');

const held = new HeldWorld(
  `create table people (id int, ssn text, pan text, word text);
    insert into people values (1, '${SSN}', '${PAN}', 'here'), (2, '536-90-4400', null, 'SSN ${SSN}');
    create view seen as select id, ssn as number from people;
    create table parted (id int, ssn text) partition by list (id); create table parted_1 partition of parted for values in (1);
    insert into parted values (1, '${SSN}')`,
  REFUSED,
);
async function record(client: pg.Client): Promise<SessionItem[]> {
  const session = held.path.sessions.at(-1) ?? '';
  held.clients.splice(held.clients.indexOf(client), 1);
  await client.end();
  return wholeStoryOf(held.path, session);
}

describe('a statement whose result would show it', () => {
  it('is held with the columns that it would show, and shows these once approved; the next one is held again', async () => {
    const client = await held.connect();
    const shown = rows(client, 'select id, ssn, pan from people order by id');
    const request = await held.letThrough(shown);
    expect(request).toMatchObject({
      rule: 'test/shown-by-yes',
      reasons: [expect.stringMatching(/^shows public\.people\.ssn \(class ssn\) in clear, by mask test\/shown-by-yes/), expect.anything()],
      demand: { groups: ['dba'], breakGlassMs: null, grantMs: 3_600_000 },
      operation: { clears: [{ column: 'public.people.ssn', class: 'ssn', rules: ['test/shown-by-yes'] }] },
    });
    expect(await shown).toEqual([
      [1, SSN, '****'],
      [2, '536-90-4400', null],
    ]);
    const again = rows(client, 'select id, ssn, pan from people order by id');
    const second = await held.waiting();
    expect(second.id).not.toBe(request.id);
    await held.desk.deny(second.id, reviewer('bob'), 'once is enough');
    await expect(again).rejects.toMatchObject({ code: '42501', message: expect.stringContaining('once is enough') as unknown });
    const items = await record(client);
    expect(items.flatMap((item) => (item.kind === 'event' && item.event === 'masked' ? [item.data['values']] : []))).toEqual([
      [
        { class: 'pan', treatment: 'mask', rule: null, values: 1 },
        { class: 'ssn', treatment: 'clear', rule: 'test/shown-by-yes', values: 2 },
      ],
    ]);
  });

  it.each([
    ['under another name, computed', 'select upper(ssn) as x from people where id = 1', SSN],
    ['of a view', 'select number from seen where id = 1', SSN],
    ['as a whole row', 'select (select s.number from seen s where s.id = p.id) from people p where id = 1', SSN],
    ['RETURNING', "update people set word = 'new' where id = 1 returning ssn", SSN],
    ['of a partition, whose parent carries the tag', 'select ssn from parted_1', SSN],
    ['bound', 'select ssn from people where id = $1', SSN],
  ])('also %s', async (_, text, shown) => {
    const client = await held.connect();
    const result = rows(client, text, text.includes('$1') ? [1] : undefined);
    const request = await held.letThrough(result);
    expect(request.operation?.clears?.map(({ class: name }) => name)).toContain('ssn');
    expect(await result).toEqual([[shown]]);
  });

  it('is held by real psql: COPY, cursors, prepared statements', async () => {
    await held.server.sql("update people set word = 'here' where id = 1");
    const script = [
      'copy (select ssn from people order by id) to stdout;',
      'begin; declare c cursor for select ssn from people order by id; fetch 1 from c; commit;',
      'prepare p as select ssn from people where id = $1; execute p(2);',
      'select count(*) from people; select word from people order by id;',
    ].join('\n');
    const program = runProgram(`${DEBIAN_BIN}/psql`, ['-XAtq', '-d', held.path.url('token-ann')], { input: script });
    for (let at = 0; at < 3; at++) {
      const request = await held.waiting();
      expect(request.operation?.clears).toEqual([{ column: 'public.people.ssn', class: 'ssn', rules: ['test/shown-by-yes'] }]);
      await approveAs(held.desk, request, 'bob');
      await eventually('it goes on', async () => (await held.desk.find(request.id)).state === 'used');
    }
    const { stdout, stderr, code } = await program;
    // What detectors find in text without a tag is not what was asked for.
    expect(stdout).toBe(`${SSN}\n536-90-4400\n${SSN}\n536-90-4400\n2\nhere\nSSN ***-**-4399\n`);
    expect([code, stderr.match(/waiting for approval/g)?.length]).toEqual([0, 3]);
  });

  it('is one of which nothing stays hidden that others hide: for the rest nobody is asked', async () => {
    const client = await held.connect();
    expect(await rows(client, `select pan, ssn || pan from people where id = 1`)).toEqual([['****', '****']]);
    expect(await rows(client, 'select count(distinct ssn), bool_or(ssn is null) from people')).toEqual([['2', false]]);
    expect(await rows(client, `select id from people where ssn = '${SSN}'`)).toEqual([[1]]);
    await held.none();
  });

  it('is none of somebody whom the mask does not name', async () => {
    held.path.identities.set('eve', { groups: ['others'] });
    const client = new pg.Client({ connectionString: held.path.url('token-eve') });
    held.clients.push(client);
    await client.connect();
    expect(await rows(client, 'select ssn from people where id = 1')).toEqual([['***-**-4399']]);
    await held.none();
  });

  it('may not compare or write what it may not, whoever approves', async () => {
    const client = await held.connect();
    await expect(rows(client, "insert into people (ssn) select ssn from people where ssn = '***-**-4399' returning ssn")).rejects.toMatchObject({
      code: '42501',
    });
    await expect(rows(client, 'with x as (insert into people (word) select ssn from people returning word) select ssn from people')).rejects.toMatchObject({
      code: '42501',
    });
    await held.none();
  });
});

describe('without a yes', () => {
  it('the values stay hidden where policy says so, and the record says why', async () => {
    held.use(MASKED);
    const client = await held.connect();
    const shown = rows(client, 'select ssn from people where id = 1');
    const request = await held.waiting();
    await held.desk.deny(request.id, reviewer('bob'), 'not now');
    expect(await shown).toEqual([['***-**-4399']]);
    expect(client.notices.at(-1)).toMatch(/^WARNING: what it would show in clear stays hidden: .*denied .*not now/);
    const items = await record(client);
    const operation = items.find((item) => item.kind === 'operation');
    expect(operation).toMatchObject({ operation: { decision: { effect: 'allow', reasons: [expect.stringMatching(/stays hidden/), expect.anything()] } } });
    expect(items.flatMap((item) => (item.kind === 'event' && item.event === 'masked' ? [item.data['values']] : []))).toEqual([
      [{ class: 'ssn', treatment: 'partial', rule: null, values: 1 }],
    ]);
  });

  it('and not when the client takes the question back: nothing runs', async () => {
    held.use(MASKED);
    const client = await held.connect();
    const shown = rows(client, 'select ssn from people where id = 1');
    shown.catch(() => undefined);
    const request = await held.waiting();
    const [live] = held.path.path.live.list();
    live?.guard.abandon({ kind: 'gave_up', why: 'cancelled by the client' });
    await expect(shown).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|57014)$/) as unknown });
    expect((await held.desk.find(request.id)).state).toBe('cancelled');
  });

  it('and not where another rule asks as well', async () => {
    held.use(MASKED);
    const client = await held.connect();
    const gone = rows(client, 'delete from people where id = 1 returning ssn');
    const request = await held.waiting();
    expect(request.demand.approvers.map(({ rule }) => rule)).toEqual(['test/whole-table', 'test/shown-by-yes']);
    await held.desk.deny(request.id, reviewer('bob'), 'no');
    await expect(gone).rejects.toMatchObject({ code: '42501' });
    expect(await rows(client, 'select count(*) from people')).toEqual([['2']]);
  });

  it('break-glass is none', async () => {
    const view = held.path.path.live.list()[0]?.guard;
    expect(view).toBeUndefined();
    held.use(REFUSED.replace('approval: { groups: [dba] } }', 'approval: { groups: [dba] }, break_glass: { groups: [engineers], for: 10m } }'));
    const client = await held.connect();
    const gone = rows(client, 'delete from people where id = 7 returning ssn');
    gone.catch(() => undefined);
    expect((await held.waiting()).demand.breakGlassMs).toBe(null);
  });
});

describe('a write over its limit of rows that would show it', () => {
  const limited = (mask: string): string =>
    policy(mask, '').replace('rules:', 'rules:\n  - { id: few, effect: allow, actions: [update], limits: { rows: 1 }, approval: { groups: [dba] } }');
  const change = "update people set word = 'x' where id < 3 returning ssn";

  it('needs both', async () => {
    held.use(limited(''));
    const client = await held.connect();
    const changed = rows(client, change);
    const first = await held.letThrough(changed);
    await eventually('it was used', async () => (await held.desk.find(first.id)).state === 'used');
    const second = await held.waiting();
    expect(second.estimate?.exactRows).toBe(2);
    await approveAs(held.desk, second, 'bob');
    expect((await changed).flat().sort()).toEqual([SSN, '536-90-4400']);
  });

  it('shows it masked when only the rows are let through', async () => {
    held.use(limited(', unapproved: masked'));
    const client = await held.connect();
    const changed = rows(client, change);
    await held.desk.deny((await held.waiting()).id, reviewer('bob'), 'no');
    await held.letThrough(changed);
    expect((await changed).flat().sort()).toEqual(['***-**-4399', '***-**-4400']);
  });
});

describe('a yes', () => {
  it('is bound to the columns: a view that shows another one by then asks anew', async () => {
    await held.server.sql('drop view if exists either; create view either as select id, word as x, ssn as y from people');
    const client = await held.connect();
    const shown = rows(client, 'select x, y from either where id = 2');
    const request = await held.waiting();
    await held.server.sql('drop view either; create view either as select p.id, q.ssn as x, p.ssn as y from people p join parted q on true');
    await approveAs(held.desk, request, 'bob');
    const second = await held.waiting();
    expect(second.id).not.toBe(request.id);
    expect(second.digest).not.toBe(request.digest);
    expect(second.operation?.clears?.map(({ column }) => column)).toEqual(['public.parted.ssn', 'public.parted_1.ssn', 'public.people.ssn']);
    await approveAs(held.desk, second, 'bob');
    expect(await shown).toEqual([[SSN, '536-90-4400']]);
    await held.server.sql('drop view either');
  });

  it('by a grant stands for an hour, for the class and no other', async () => {
    const client = await held.connect();
    await rows(client, 'select 1');
    const view = held.path.path.live.list()[0];
    expect(view).toBeDefined();
    const shown = rows(client, 'select ssn from people where id = 1');
    const request = await held.letThrough(shown);
    await shown;
    const now = held.desks.clock.now();
    const [store] = held.desks.stores;
    const grant: ApprovalRecord = {
      ...request,
      id: `${request.id.slice(0, -1)}${request.id.endsWith('0') ? '1' : '0'}`,
      kind: 'access',
      state: 'approved',
      operation: null,
      grantMs: 3_600_000,
      activeUntil: now + 3_600_000,
      votes: [
        {
          by: { issuer: 'https://login.test', subject: 'sub-bob', kind: 'person', name: 'bob', email: 'bob@bank.test' },
          groups: ['dba'],
          at: now,
          reason: null,
        },
      ],
      used: null,
    };
    await store?.approvals.insert(grant);
    expect(await rows(client, 'select ssn, pan from people where id = 1')).toEqual([[SSN, '****']]);
    expect(await rows(client, 'select ssn from people where id = 2')).toEqual([['536-90-4400']]);
    await held.none();
  });

  it('of others than the mask names is none', async () => {
    held.use(policy('').replace('approval: { groups: [dba], expires: 10m, grants: 1h }', 'approval: { groups: [privacy] }'));
    const client = await held.connect();
    const gone = rows(client, 'delete from people where id = 7 returning ssn');
    gone.catch(() => undefined);
    const request = await held.waiting();
    await approveAs(held.desk, request, 'bob');
    expect((await held.desk.find(request.id)).state).toBe('pending');
  });
});
