/**
 * Values of detected classes in a column without a tag, on a real server: whatever type or message they come in, they are neither delivered nor
 * recorded, the record counts them, and what is delivered can be read as what it is.
 */
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MaskCount } from '../../src/contract/masking-policy.js';
import { wholeStoryOf } from '../session/session-story.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { execute, fields, frame, parse, query, RawClient, type Reply, rowsOf, sync } from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';

const SSN = '536-90-4399';
const PAN = '4111111111111111';
const EMAIL = 'ada.lovelace@example.com';
const NOTE = `said "${SSN}", (card) ${PAN}\\, {${EMAIL}}`;
const SHOWN = 'said "***-**-4399", (card) ****\\, {a***@example.com}';

const SCHEMA = `
  create schema desk;
  create type desk.pair as (n int, word text);
  create type desk.outer_pair as (p desk.pair, more text[]);
  create domain desk.words as text check (length(value) < 500);
  create domain desk.pairs as desk.pair;
  create type desk.text_range as range (subtype = text, collation = "C");
  create table desk.tickets (id int primary key, note text, code text, number bigint, raw bytea, tags text[], pair desk.pair, couple desk.outer_pair, word desk.words, pairs desk.pairs, doc json, docb jsonb, page xml, spans desk.text_range);
  insert into desk.tickets select 1, n, n, 7, convert_to(n, 'UTF8'), array[n, 'b'], row(5, n)::desk.pair, row(row(6, n)::desk.pair, array[n])::desk.outer_pair, n, row(8, n)::desk.pair,
    json_build_object('k', n), jsonb_build_object('k', n), xmlelement(name x, n), desk.text_range(n, n, '[]') from (select $n$${NOTE}$n$::text as n) as t;
  create table desk.taken (note text unique check (note <> 'never'));
  insert into desk.taken select note from desk.tickets;
  create table desk.numbers (id int, card bigint, at timestamptz, who uuid, cards bigint[]);
  insert into desk.numbers values (1, ${PAN}, '2024-01-02', '3f2b8c1e-0000-4000-8000-000000000001', array[${PAN}]);
  create function desk.notice() returns void language plpgsql as $$ begin raise notice '%', (select note from desk.tickets); end $$;
  create function desk.fail() returns void language plpgsql as $$ begin raise exception '%', (select note from desk.tickets); end $$;
  create function desk.detail() returns void language plpgsql as $$ begin raise warning 'x' using detail = (select note from desk.tickets), hint = (select note from desk.tickets); end $$;
  create function desk.naming() returns void language plpgsql as $$ begin raise exception 'x' using errcode = '42000', column = (select note from desk.tickets); end $$;
  create function desk.tell() returns void language sql as $$ select pg_notify('told', note) from desk.tickets $$;
  create extension if not exists hstore;
`;

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes:
  ssn: { treatment: partial, detect: true }
  pan: { treatment: mask, detect: true }
  email: { treatment: partial, detect: true }
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
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const parts = [SSN, SSN.slice(0, 8), PAN, PAN.slice(0, 12), EMAIL, EMAIL.slice(0, 10)];
const leaked = (bytes: Buffer): string[] =>
  parts.flatMap((part) => [part, Buffer.from(part).toString('hex')]).filter((form) => bytes.includes(form) || bytes.includes(Buffer.from(form, 'utf16le')));

interface Answer {
  readonly replies: readonly Reply[];
  /** By class. */
  readonly counts: Readonly<Record<string, number>>;
}

/** What is delivered for these messages, which end so many times with ReadyForQuery; nothing of the note is in it or in the record. */
async function ask(ready: number, ...messages: Buffer[]): Promise<Answer> {
  const client = await RawClient.login(world.port, 'bank-db', 'token-ann', 'bank-db');
  const session = world.sessions.at(-1) ?? '';
  const seen: Buffer[] = [];
  client.socket.on('data', (chunk) => seen.push(Buffer.from(chunk)));
  client.send(...messages);
  const replies = await client.untilReady(ready);
  client.send(frame('X'));
  await client.untilClosed();
  const items = await wholeStoryOf(world, session);
  expect(leaked(Buffer.concat(seen))).toEqual([]);
  expect(leaked(Buffer.from(inspect(items, { depth: 12, maxArrayLength: null, maxStringLength: null })))).toEqual([]);
  const counts: Record<string, number> = {};
  for (const item of items)
    if (item.kind === 'event' && item.event === 'masked')
      for (const { class: name, values } of item.data['values'] as MaskCount[]) counts[name] = (counts[name] ?? 0) + values;
  return { replies, counts };
}

const quoted = (text: string): string => text.replace(/["\\]/g, '\\$&');
const doubled = (text: string): string => text.replace(/["\\]/g, '$&$&');
const hex = (text: string): string => `\\x${Buffer.from(text).toString('hex')}`;
const escapedXml = (text: string): string => text.replaceAll('"', '&quot;');
const pair = (text: string): string => `(5,"${doubled(text)}")`;

/** Null: the whole value is NULL. */
const AS_TEXT: readonly (readonly [name: string, value: string, shown: string | null])[] = [
  ['text', 'note', SHOWN],
  ['varchar', 'note::varchar', SHOWN],
  ['a domain', 'word', SHOWN],
  ['json', 'doc', JSON.stringify({ k: SHOWN }).replace('{"k":', '{"k" : ')],
  ['jsonb', 'docb', `{"k": ${JSON.stringify(SHOWN)}}`],
  ['an array', 'array[note]', `{"${quoted(SHOWN)}"}`],
  ['an array of varchar', 'array[null, note::varchar, $$z$$]', `{NULL,"${quoted(SHOWN)}",z}`],
  ['a column of arrays', 'tags', `{"${quoted(SHOWN)}",b}`],
  ['array_agg', 'array_agg(note)', `{"${quoted(SHOWN)}"}`],
  ['an array of two dimensions', 'array[[note, note], [note, $$x$$]]', null],
  ['an array of json', 'array[docb]', `{"${quoted(`{"k": ${JSON.stringify(SHOWN)}}`)}"}`],
  ['row', 'row(5, note)', pair(SHOWN)],
  ['row in row', 'row(1, null, row(2, note), array[note])', `(1,,"${doubled(`(2,"${doubled(SHOWN)}")`)}","${doubled(`{"${quoted(SHOWN)}"}`)}")`],
  ['a composite type', 'pair', pair(SHOWN)],
  ['composite types in one', 'couple', `("(6,${doubled(`"${doubled(SHOWN)}"`)})","${doubled(`{"${quoted(SHOWN)}"}`)}")`],
  ['a domain over a composite type', 'pairs', `(8,"${doubled(SHOWN)}")`],
  ['an array of a composite type', 'array[pair]', `{"${quoted(pair(SHOWN))}"}`],
  ['an array of rows', 'array[row(5, note)]', `{"${quoted(pair(SHOWN))}"}`],
  ['xml', 'page', `<x>${SHOWN}</x>`],
  ['xmlelement', 'xmlelement(name x, xmlattributes(note as a))', `<x a="${escapedXml(SHOWN)}"/>`],
  ['hstore', 'hstore($$k$$, note)', `"k"=>"${quoted(SHOWN)}"`],
  ['a column of bytea', 'raw', hex(SHOWN)],
  ['an array of bytea', 'array[raw]', `{"${quoted(hex(SHOWN))}"}`],
  ['a range', 'spans', null],
  ['tsvector', 'to_tsvector($$simple$$, note)', null],
];

describe.each(['text', 'binary', 'COPY text', 'COPY CSV', 'COPY binary', 'a cursor', 'EXECUTE'])('in %s', (how) => {
  it.each(AS_TEXT)('%s', async (name, value, shown) => {
    const text = `select ${value} as v from desk.tickets`;
    const copy = (format: string): Buffer => query(`copy (${text}) to stdout (format ${format})`);
    const asked: Readonly<Record<string, () => Promise<Answer>>> = {
      text: () => ask(1, query(text)),
      binary: () => ask(1, parse('', text), frame('B', '\0\0', Buffer.of(0, 0, 0, 0, 0, 1, 0, 1)), frame('D', 'P\0'), execute(''), sync()),
      'COPY text': () => ask(1, copy('text')),
      'COPY CSV': () => ask(1, copy('csv')),
      'COPY binary': () => ask(1, copy('binary')),
      'a cursor': () => ask(1, query(`begin; declare c cursor for ${text}; fetch 1 from c; commit`)),
      EXECUTE: () => ask(1, query(`prepare p as ${text}; execute p`)),
    };
    const { replies, counts } = await (asked[how] as () => Promise<Answer>)();
    expect([name, replies.filter(({ type }) => type === 'E').map(fields)]).toEqual([name, []]);
    // What is hidden as a whole is not looked at further.
    const classes = name === 'tsvector' || (shown === null && how.endsWith('inary')) ? 1 : 3;
    expect(Object.keys(counts).length).toBeGreaterThanOrEqual(classes);
    if (how === 'text' || how === 'a cursor' || how === 'EXECUTE') expect(rowsOf(replies)).toEqual([[shown]]);
  });
});

it('the whole row, and everything of it', async () => {
  for (const text of ['select t from desk.tickets t', 'table desk.tickets', 'copy desk.tickets to stdout', 'copy desk.tickets to stdout (format binary)']) {
    const { counts } = await ask(1, query(text));
    expect([text, Object.keys(counts).sort()]).toEqual([text, ['email', 'pan', 'ssn']]);
  }
});

describe('what the server says', () => {
  it.each([
    ['a value that does not fit', 'select note::int from desk.tickets'],
    ['a constraint that is violated', 'insert into desk.taken select note from desk.tickets'],
    ['RAISE NOTICE', 'select desk.notice()'],
    ['RAISE EXCEPTION', 'select desk.fail()'],
    ['RAISE with details', 'select desk.detail()'],
    ['RAISE with names', 'select desk.naming()'],
    ['NOTIFY', 'listen told; select desk.tell()'],
    ['a setting', "select set_config('application_name', left(note, 20), false) from desk.tickets"],
    ['an error about JSON', 'select note::json from desk.tickets'],
    ['an error of a cast in a COPY', 'copy (select note::date from desk.tickets) to stdout'],
  ])('%s', async (name, text) => {
    const { replies, counts } = await ask(1, query(text));
    expect(replies.at(-1)?.type).toBe('Z');
    if (name !== 'a setting') expect(replies.map(({ type }) => type).join('')).toMatch(/[ENA]/);
    // A notification belongs to no operation.
    if (name !== 'NOTIFY') expect(Object.keys(counts).length).toBeGreaterThan(0);
  });

  it('as it is where detectors find nothing', async () => {
    const { replies, counts } = await ask(1, query("select 'word'::int"));
    expect(fields(replies[0] as Reply)['M']).toBe('invalid input syntax for type integer: "word"');
    expect(counts).toEqual({});
  });
});

it('leaves what cannot hold text as it is', async () => {
  const { replies, counts } = await ask(1, query(`select cards is null, array[id], at, who, int4range(id, 5), '{1}'::int[] from desk.numbers`));
  expect(rowsOf(replies)).toEqual([['f', '{1}', expect.stringMatching(/^2024/), '3f2b8c1e-0000-4000-8000-000000000001', '[1,5)', '{1}']]);
  expect(counts).toEqual({});
  const client = await RawClient.login(world.port, 'bank-db', 'token-ann', 'bank-db');
  for (const text of ['select card, cards from desk.numbers', 'select n.cards from desk.numbers n'])
    expect(rowsOf(await client.run(query(text))).flat()).toContain(`{${PAN}}`);
  expect(rowsOf(await client.run(query('select n from desk.numbers n')))[0]?.[0]).toContain(PAN);
  client.close();
});
