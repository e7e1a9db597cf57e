/**
 * Clear text by approval of what detectors find: a statement that shows text without a tag, of columns that a mask names, is held, people see of which
 * columns what of which class would be shown, and their yes opens that and nothing else, in whatever form it comes.
 */
import { describe, expect, it } from 'vitest';
import type { MaskCount } from '../../src/contract/masking-policy.js';
import { approveAs, reviewer } from '../approval/desk-world.js';
import { eventually } from '../store/state-server.js';
import { DEBIAN_BIN } from '../support/real-postgres.js';
import { runProgram } from '../support/run-program.js';
import { HeldWorld, rows } from './held-world.js';
import { wholeStoryOf } from './session-story.js';

const SSN = '536-90-4399';
const OTHER = '536-90-4400';
const PAN = '4111111111111111';
const BODY = `SSN ${SSN}, card ${PAN}. `;
const OPEN = `SSN ${SSN}, card ****1111. `;
const HIDDEN = 'SSN ***-**-4399, card ****1111. ';
const policy = (mask = '', columns = "'*.notes.body', '*.notes.more', '*.parted.body'"): string => `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial, detect: true }, pan: { treatment: partial, detect: true } }
data: { '*.notes.ssn': { class: ssn } }
masks:
  - { id: found, classes: [ssn], columns: [${columns}], detected: true, treatment: clear, approval: { groups: [dba] }${mask} }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: whole-table, effect: require_approval, actions: [delete], approval: { groups: [dba] }, break_glass: { groups: [engineers], for: 10m } }
`;
const body = { column: 'public.notes.body', class: 'ssn', detected: true, rules: ['test/found'] };
const more = { ...body, column: 'public.notes.more' };

const held = new HeldWorld(
  `create table notes (id int, body text, more varchar(100), title text, ssn text, held jsonb);
    insert into notes values (1, '${BODY}', 'SSN ${OTHER}', 'SSN ${SSN}', '${SSN}', '{"note":"SSN ${SSN}"}');
    create view seen as select id, body as word from notes;
    create table parted (id int, body text) partition by list (id); create table parted_1 partition of parted for values in (1);
    insert into parted values (1, '${BODY}')`,
  policy(),
);

describe('a statement that shows text which a mask names', () => {
  it('is held with column and class, shows that class in it once approved, and nothing else', async () => {
    const client = await held.connect();
    const shown = rows(client, 'select id, body, title, ssn from notes');
    const request = await held.letThrough(shown);
    expect(request).toMatchObject({
      rule: 'test/found',
      reasons: ['shows public.notes.body (what detectors find of class ssn) in clear, by mask test/found', expect.anything()],
      demand: { groups: ['dba'], breakGlassMs: null },
      operation: { clears: [body] },
    });
    expect(await shown).toEqual([[1, OPEN, 'SSN ***-**-4399', '***-**-4399']]);
    const again = rows(client, 'select id, body, title, ssn from notes');
    again.catch(() => undefined);
    const second = await held.waiting();
    expect(second.id).not.toBe(request.id);
    await held.desk.deny(second.id, reviewer('bob'), 'once is enough');
    await expect(again).rejects.toMatchObject({ code: '42501', message: expect.stringContaining('once is enough') as unknown });
    held.clients.splice(0);
    const session = held.path.sessions.at(-1) ?? '';
    await client.end();
    const items = await wholeStoryOf(held.path, session);
    const counts = items.flatMap((item) => (item.kind === 'event' && item.event === 'masked' ? (item.data['values'] as MaskCount[]) : []));
    const sums = new Map<string, number>();
    for (const { class: name, treatment, rule, values } of counts) {
      const how = `${name} ${treatment} ${rule ?? '-'}`;
      sums.set(how, (sums.get(how) ?? 0) + values);
    }
    expect([...sums].sort()).toEqual([
      ['pan partial -', 1],
      ['ssn clear test/found', 1],
      ['ssn partial -', 2],
    ]);
  });

  it.each([
    ['bound', 'select body from notes where id = $1', [1], OPEN, [body]],
    ['under another name, computed', 'select upper(body) as x from notes', undefined, OPEN.toUpperCase(), [body]],
    ['of a view', 'select word from seen', undefined, OPEN, [body]],
    ['RETURNING', 'update notes set id = 1 returning body', undefined, OPEN, [body]],
    ['in an array', 'select array[body] from notes', undefined, [OPEN], [body]],
    ['of two such columns', "select body || ' ' || more from notes", undefined, `${OPEN} SSN ${OTHER}`, [body, more]],
    ['of a table with parts', 'select body from parted', undefined, OPEN, [{ ...body, column: 'public.parted.body' }]],
    ['of a part of it', 'select body from parted_1', undefined, OPEN, [{ ...body, column: 'public.parted.body' }]],
  ])('also %s', async (_, text, values, shown, columns) => {
    for (const binary of [false, true]) {
      const client = await held.connect();
      const result = rows(client, text, values ?? (binary ? [] : undefined), binary);
      const request = await held.letThrough(result);
      expect(request.operation?.clears).toEqual(columns);
      expect(await result).toEqual([[shown]]);
    }
  });

  it('is held in all forms of real psql: COPY, cursors, prepared statements', async () => {
    const script = [
      'copy (select body from notes) to stdout;',
      'copy (select body from notes) to stdout (format csv);',
      'copy notes (body, title) to stdout;',
      'copy (select body, title from notes) to stdout (format binary);',
      'begin; declare c cursor for select body from notes; fetch 1 from c; commit;',
      'prepare p as select body from notes where id = $1; execute p(1);',
    ].join('\n');
    const program = runProgram(`${DEBIAN_BIN}/psql`, ['-XAtq', '-d', held.path.url('token-ann')], { input: script });
    for (let at = 0; at < 6; at++) {
      const request = await held.waiting();
      expect(request.operation?.clears).toEqual([body]);
      await approveAs(held.desk, request, 'bob');
      await eventually('it goes on', async () => (await held.desk.find(request.id)).state === 'used');
    }
    const { stdout, code } = await program;
    expect(code).toBe(0);
    const [text, csv, both, ...rest] = stdout.split('\n');
    expect([text, csv, both]).toEqual([OPEN, `"${OPEN}"`, `${OPEN}\tSSN ***-**-4399`]);
    expect(rest.join('\n').split(SSN)).toHaveLength(4);
    expect(stdout).not.toContain(PAN);
    expect(rest.join('\n')).toContain('SSN ***-**-4399');
  });

  it('is held for a document, too', async () => {
    held.use(policy('', "'*.notes.held'"));
    for (const binary of [false, true]) {
      const client = await held.connect();
      const shown = rows(client, 'select held::text, held from notes where id = $1', [1], binary);
      expect((await held.letThrough(shown)).operation?.clears).toEqual([{ ...body, column: 'public.notes.held' }]);
      expect(JSON.stringify(await shown).match(new RegExp(SSN, 'g'))).toHaveLength(2);
    }
  });
});

describe('nobody is asked', () => {
  it('about what is no text, or of which something would stay hidden all the same', async () => {
    const client = await held.connect();
    expect(await rows(client, 'select id, count(body) from notes group by id')).toEqual([[1, '1']]);
    expect(await rows(client, 'select title from notes')).toEqual([['SSN ***-**-4399']]);
    expect(await rows(client, "select body || ' ' || title from notes")).toEqual([[`${HIDDEN} SSN ***-**-4399`]]);
    expect(await rows(client, "select body || ' ' || ssn from notes")).toEqual([['****']]);
    expect(await rows(client, `select 'SSN ${SSN}'`)).toEqual([['SSN ***-**-4399']]);
    expect(await rows(client, `select id from notes where body like '%${SSN}%'`)).toEqual([[1]]);
    await held.none();
  });

  it('about tables of the session, which no policy names, whatever they are called', async () => {
    held.use(policy('', "'*.*.*'"));
    const client = await held.connect();
    await rows(client, 'create temp table notes as select body from public.notes');
    expect(await rows(client, 'select body from pg_temp.notes')).toEqual([[HIDDEN]]);
    await held.none();
  });

  it('where the mask does not say so', async () => {
    held.use(policy().replace('detected: true, ', ''));
    const client = await held.connect();
    expect(await rows(client, 'select body from notes')).toEqual([[HIDDEN]]);
    await held.none();
  });
});

describe('a yes', () => {
  it('for one column opens no other, however they are put together', async () => {
    const texts = [
      'body',
      'more',
      'title',
      "body || ' ' || more",
      'body || title',
      'coalesce(more, title)',
      'left(more, 50)',
      "concat_ws(' ', title, more)",
      "'SSN ' || body",
    ];
    const named = (text: string): string[] => ['body', 'more', 'title'].filter((name) => text.includes(name));
    for (let round = 0; round < 8; round++) {
      // Some columns of a list that is another one each time.
      const list = [0, 1, 2].map((place) => texts[(round * 5 + place * (round + 2)) % texts.length] as string);
      const asked = new Set(list.filter((text) => !named(text).includes('title')).flatMap(named));
      const client = await held.connect();
      const result = rows(client, `select ${list.map((text, index) => `${text} as c${index}`).join(', ')} from notes`);
      if (asked.size > 0) expect((await held.letThrough(result)).operation?.clears?.map(({ column }) => column.split('.').at(-1))).toEqual([...asked].sort());
      const [row = []] = await result;
      for (const [index, text] of list.entries())
        expect([text, new RegExp(`${SSN}|${OTHER}`).test(String(row[index]))]).toEqual([text, !named(text).includes('title')]);
      expect(JSON.stringify(row)).not.toContain(PAN);
      await client.end();
      held.clients.splice(0);
    }
    await held.none();
  });

  it('is bound to the columns: a view that shows another one by then asks anew', async () => {
    await held.server.sql('drop view if exists either; create view either as select id, body as x, id as y from notes');
    const client = await held.connect();
    const shown = rows(client, 'select x from either where id = 1');
    const request = await held.waiting();
    expect(request.operation?.clears).toEqual([body]);
    await held.server.sql('drop view either; create view either as select id, more as x, id as y from notes');
    await approveAs(held.desk, request, 'bob');
    const second = await held.waiting();
    expect(second.digest).not.toBe(request.digest);
    expect(second.operation?.clears).toEqual([more]);
    await approveAs(held.desk, second, 'bob');
    expect(await shown).toEqual([[`SSN ${OTHER}`]]);
  });

  it('opens nothing in a view that shows by then what nobody was asked about', async () => {
    await held.server.sql('drop view if exists either; create view either as select id, body as x from notes');
    const client = await held.connect();
    const shown = rows(client, 'select x from either where id = 1');
    const request = await held.waiting();
    await held.server.sql('drop view either; create view either as select id, body || title as x from notes');
    await approveAs(held.desk, request, 'bob');
    expect(await shown).toEqual([[`${HIDDEN}SSN ***-**-4399`]]);
    await held.none();
  });

  it('is not given by breaking the glass, and a statement that is denied may stay masked', async () => {
    held.use(policy(', unapproved: masked'));
    const client = await held.connect();
    const gone = rows(client, 'delete from notes where id = 7 returning body');
    gone.catch(() => undefined);
    const both = await held.waiting();
    expect([both.demand.breakGlassMs, both.demand.approvers.map(({ rule }) => rule)]).toEqual([null, ['test/whole-table', 'test/found']]);
    await held.desk.deny(both.id, reviewer('bob'), 'no');
    await expect(gone).rejects.toMatchObject({ code: '42501' });
    const shown = rows(client, 'select body from notes');
    await held.desk.deny((await held.waiting()).id, reviewer('bob'), 'not now');
    expect(await shown).toEqual([[HIDDEN]]);
  });

  it('ends with the policy under which it was asked for', async () => {
    const client = await held.connect();
    const shown = rows(client, 'select body from notes');
    const request = await held.waiting();
    held.use(policy('', "'*.notes.more'"));
    expect(await shown).toEqual([[HIDDEN]]);
    expect((await held.desk.find(request.id)).state).toBe('cancelled');
  });
});
