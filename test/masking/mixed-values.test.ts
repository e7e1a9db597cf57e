/**
 * Values that are made of a column whose tag is shown in clear, and of text without a tag: the tag says what is known of the one, and detectors
 * still look for what may be in the other. Otherwise anybody who sees one tagged column in clear could take detectors off any text by joining it on.
 */
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wholeStoryOf } from '../session/session-story.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { execute, frame, parse, query, RawClient, type Reply, rowsOf, sync } from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';

const PAN = '4111111111111111';
const SSN = '536-90-4399';
const BADGE = 'badge 2718';

const SCHEMA = `
  create schema desk;
  create table desk.tickets (id int primary key, badge text, ssn text, note text, number bigint);
  insert into desk.tickets values (1, '${BADGE}', '${SSN}', 'paid with ${PAN}', 7);
  create view desk.shown as select id, badge as label, ssn as social from desk.tickets;
  create view desk.joined as select badge || ' ' || note as mixed from desk.tickets;
  create materialized view desk.kept as select id, badge as label from desk.tickets;
`;

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes:
  badge: { treatment: mask }
  ssn: { treatment: partial, detect: true }
  pan: { treatment: mask, detect: true }
data:
  desk.tickets.badge: { class: badge }
  desk.tickets.ssn: { class: ssn }
masks:
  - { id: clear-badge, classes: [badge], treatment: clear }
  - { id: clear-ssn, classes: [ssn], treatment: clear, subjects: { groups: [fraud] } }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

let server: RealPostgres;
let world: PathWorld;
beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql(SCHEMA);
  world = await startPathWorld({ server, policy: POLICY });
  world.identities.set('fred', { groups: ['fraud'] });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

interface Answer {
  readonly replies: readonly Reply[];
  readonly bytes: Buffer;
  /** All of the record, in words. */
  readonly record: string;
}

async function ask(person: string, ...messages: Buffer[]): Promise<Answer> {
  const client = await RawClient.login(world.port, 'bank-db', `token-${person}`, 'bank-db');
  const session = world.sessions.at(-1) ?? '';
  const replies = await client.run(...messages);
  client.send(frame('X'));
  await client.untilClosed();
  const record = inspect(await wholeStoryOf(world, session), { depth: 12, maxArrayLength: null, maxStringLength: null });
  return { replies, bytes: Buffer.concat(replies.map(({ body }) => body)), record };
}

const MIXED = [
  "badge || ' ' || note",
  "concat_ws(' ', note, badge)",
  "coalesce(nullif(note, badge) || ' ' || badge, badge)",
  "case when id = 1 then badge || ' ' || note else note end",
  'jsonb_build_object(badge, note)',
  'array[badge, note]',
  'row(badge, note)',
  "string_agg(badge || '+ ' || note, ',')",
];
const FROM = 'from desk.tickets';
const BINARY = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 0, 1]);

describe.each([
  ['simple', (text: string) => [query(text)]],
  ['binary', (text: string) => [parse('', text), frame('B', BINARY), execute(''), sync()]],
  ['COPY', (text: string) => [query(`copy (${text}) to stdout`)]],
  ['COPY binary', (text: string) => [query(`copy (${text}) to stdout (format binary)`)]],
] as const)('%s', (how, messages) => {
  it.each([...MIXED.map((value) => `select ${value} ${FROM}`), `select badge ${FROM} union all select note ${FROM}`, 'select mixed from desk.joined'])(
    '%s',
    async (text) => {
      const { replies, bytes, record } = await ask('ann', ...messages(text));
      expect(replies.filter(({ type }) => type === 'E')).toEqual([]);
      // What COPY does not say the type of is NULL as a whole where something is found in it and it cannot be told apart.
      if (how !== 'COPY binary') expect(bytes.includes('2718')).toBe(true);
      expect(bytes.includes(PAN)).toBe(false);
      expect(record).not.toContain(PAN);
      // That a tagged value was shown is still said.
      expect(record).toMatch(/class: 'badge',\s+treatment: 'clear'/);
    },
  );
});

it('a value of tagged columns alone is not looked at: the tags say all there is to it', async () => {
  for (const value of ['badge', 'upper(badge)', 'label'])
    expect(
      rowsOf((await ask('ann', query(`select ${value} from ${value === 'label' ? 'desk.shown' : 'desk.tickets'}`))).replies)
        .flat()
        .join()
        .toLowerCase(),
    ).toBe(BADGE);
  expect(rowsOf((await ask('fred', query('select ssn || badge from desk.tickets'))).replies)).toEqual([[`${SSN}${BADGE}`]]);
});

it('who sees a class in clear sees it in what is made of more, too', async () => {
  const { replies, bytes } = await ask('fred', query("select ssn || ' ' || note from desk.tickets"));
  expect(rowsOf(replies)).toEqual([[`${SSN} paid with ****`]]);
  expect(bytes.includes(PAN)).toBe(false);
});
