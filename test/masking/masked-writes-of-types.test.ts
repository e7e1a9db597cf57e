/**
 * Tokens of integers and UUIDs, and short partial forms, that come back in COPY in its three formats and in parameters in both: they look like values,
 * so they are known by the column that they are for. Refused, and the table is as it was; what only looks like one elsewhere is written.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { fields, frame, int32, query, RawClient, type Reply, rowsOf } from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { pin: { treatment: token }, big: { treatment: token }, device: { treatment: token }, name: { treatment: partial, keep_length: true }, zip: { treatment: generalise } }
data:
  public.devices.pin: { class: pin }
  public.devices.big: { class: big }
  public.devices.device: { class: device }
  public.devices.owner: { class: name }
  public.devices.zip: { class: zip }
masks:
  - { id: vault, treatment: clear, subjects: { groups: [vault] } }
  - { id: desk, resolve_tokens: true, subjects: { groups: [desk] } }
rules: [{ id: all-connect, effect: allow, actions: [connect] }]
`;
const COLUMNS = ['id', 'pin', 'big', 'device', 'owner', 'zip', 'shift', 'amount', 'word'] as const;
const HONEST = ['7', '4711', '-5000000000', '3f2b8c1e-0000-4000-8000-00000000beef', 'Eve', '02139', '-1500000000', '-1.5', 'w'] as const;

let server: RealPostgres;
let world: PathWorld;
/** What the columns of the first row are shown as. */
let shown: Readonly<Record<string, string>>;

beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql(`create table devices (id int, pin int, big bigint, device uuid, owner text, zip text, shift int, amount double precision, word text);
    create view seen as select id, pin as p, device as d from devices`);
  world = await startPathWorld({ server, policy: POLICY });
  world.identities.set('vera', { groups: ['vault'] });
  world.identities.set('dora', { groups: ['desk'] });
});
beforeEach(async () => {
  await server.sql(
    `truncate devices; insert into devices values (1, 1234, 9007199254740993, '3f2b8c1e-0000-4000-8000-000000000001', 'Bob', '94107', 1, 1, 'x')`,
  );
  const client = await login();
  const [row = []] = rowsOf(await client.run(query(`select ${COLUMNS.join(', ')} from devices`)));
  client.close();
  shown = Object.fromEntries(COLUMNS.map((name, index) => [name, row[index] ?? '']));
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const login = (person = 'ann'): Promise<RawClient> => RawClient.login(world.port, 'bank-db', `token-${person}`, 'bank-db');
const errors = (replies: readonly Reply[]): (string | undefined)[] => replies.filter(({ type }) => type === 'E').map((reply) => fields(reply)['M']);
const int16 = (value: number): Buffer => Buffer.of((value >> 8) & 0xff, value & 0xff);
const int64 = (text: string): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigInt64BE(BigInt(text));
  return out;
};
const float64 = (value: number): Buffer => {
  const out = Buffer.alloc(8);
  out.writeDoubleBE(value);
  return out;
};

async function table(): Promise<unknown> {
  const client = await login('vera');
  const rows = rowsOf(await client.run(query('select * from devices order by id')));
  client.close();
  return rows;
}

/** The row that is honest but for these columns. */
const rowWith = (changed: Partial<Record<(typeof COLUMNS)[number], string>>): readonly string[] =>
  COLUMNS.map((name, index) => changed[name] ?? HONEST[index] ?? '');

/** As the server's receive functions read it. */
function binaryOf(name: (typeof COLUMNS)[number], value: string): Buffer {
  if (name === 'big') return int64(value);
  if (name === 'device') return Buffer.from(value.replaceAll('-', ''), 'hex');
  if (name === 'amount') return float64(Number(value));
  return name === 'owner' || name === 'zip' || name === 'word' ? Buffer.from(value) : int32(Number(value));
}

const SIGNATURE = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int32(0), int32(3), Buffer.from('ext')]);
type Rows = readonly (readonly string[])[];
const FORMATS: Readonly<Record<string, readonly [options: string, write: (rows: Rows) => Buffer]>> = {
  text: ['', (rows) => Buffer.from(rows.map((row) => `${row.join('\t')}\n`).join(''))],
  'text with CRLF and another delimiter': ["(delimiter ';')", (rows) => Buffer.from(rows.map((row) => `${row.join(';')}\r\n`).join(''))],
  'text with escapes': [
    '',
    (rows) => Buffer.from(rows.map((row) => `${row.map((each) => each.replace(/^-/, '\\x2d').replace(/^6/, '\\066')).join('\t')}\n`).join('')),
  ],
  CSV: ['(format csv, header)', (rows) => Buffer.from([COLUMNS, ...rows].map((row) => `${row.join(',')}\n`).join(''))],
  'CSV in quotes': [
    "(format csv, quote '''', escape '\\', force_null (word))",
    (rows) => Buffer.from(rows.map((row) => `${row.map((each) => `'${each}'`).join(',')}\n`).join('')),
  ],
  binary: [
    '(format binary)',
    (rows) =>
      Buffer.concat([
        SIGNATURE,
        ...rows.flatMap((row) => [
          int16(row.length),
          ...row.flatMap((value, index) => {
            const bytes = binaryOf(COLUMNS[index] ?? 'word', value);
            return [int32(bytes.length), bytes];
          }),
        ]),
        int16(-1),
      ]),
  ],
};

/** `cut`: bytes of each message; 0: all in one. */
async function copyIn(text: string, bytes: Buffer, cut: number): Promise<readonly (string | undefined)[]> {
  const client = await login();
  client.send(query(text));
  let reply = await client.next();
  for (; reply.type !== 'G' && reply.type !== 'Z' && reply.type !== 'E'; reply = await client.next());
  if (reply.type === 'E') {
    await client.untilReady();
    client.close();
    return errors([reply]);
  }
  const pieces = Array.from({ length: cut === 0 ? 1 : Math.ceil(bytes.length / cut) }, (_, index) =>
    frame('d', cut === 0 ? bytes : bytes.subarray(index * cut, (index + 1) * cut)),
  );
  const replies = await client.run(...pieces, frame('c'));
  // The session goes on.
  expect(rowsOf(await client.run(query('select 1')))).toEqual([['1']]);
  client.close();
  return errors(replies);
}

const MASKED = ['pin', 'big', 'device', 'owner', 'zip'] as const;
const REFUSED = /put in the place of another/;

describe.each(Object.entries(FORMATS))('COPY FROM in %s', (_format, [options, write]) => {
  it.each(MASKED)('with what %s is shown as', async (column) => {
    const before = await table();
    expect(shown[column]).toMatch({ pin: /^-[12]\d{9}$/, big: /^-\d{19}$/, device: /^6777/, owner: /^B\*\*$/, zip: /^941\*\*$/ }[column]);
    for (const cut of [0, 1, 7]) {
      const said = await copyIn(`copy devices from stdin ${options}`, write([HONEST, rowWith({ [column]: shown[column] ?? '' }), HONEST]), cut);
      expect([cut, said]).toEqual([cut, [expect.stringMatching(REFUSED)]]);
    }
    expect(await table()).toEqual(before);
  });

  it('with honest data, of which some looks like a token elsewhere', async () => {
    for (const cut of [0, 1, 7]) expect(await copyIn(`copy devices from stdin ${options}`, write([HONEST, HONEST]), cut)).toEqual([]);
    expect(await table()).toHaveLength(7);
    // The value of another column, where the same number is a number.
    expect(await copyIn(`copy devices from stdin ${options}`, write([rowWith({ shift: shown['pin'] ?? '' })]), 0)).toEqual([]);
  });
});

it('COPY FROM by names of columns, through a view that nothing takes, and in forms that cannot be looked through', async () => {
  const before = await table();
  const { pin = '', device = '' } = shown;
  expect(await copyIn('copy devices (word, device, id) from stdin', Buffer.from(`w\t${device}\t7\n`), 0)).toEqual([expect.stringMatching(REFUSED)]);
  expect(await copyIn('copy devices (shift, pin) from stdin', Buffer.from(`${pin}\t${pin}\n`), 0)).toEqual([expect.stringMatching(REFUSED)]);
  expect(await copyIn("copy devices (pin) from stdin (encoding 'latin1')", Buffer.from(`${pin}\n`), 0)).toEqual([
    expect.stringMatching(/cannot be looked through/),
  ]);
  expect(await copyIn('copy devices (id) from stdin; copy devices (pin) from stdin', Buffer.from('1\n'), 0)).toEqual([
    expect.stringMatching(/a text of its own/),
  ]);
  expect(await table()).toEqual(before);
});

describe.each([
  ['an UPDATE', (column: string) => `update devices set ${column} = $1 where id = 1`],
  ['an INSERT', (column: string) => `insert into devices (id, ${column}) values (9, $1)`],
  ['an INSERT of a query', (column: string) => `insert into devices (id, ${column}) select 9, x from unnest(array[$1::TYPE]) x`],
  ['an upsert', (column: string) => `with u as (update devices set ${column} = $1 where id = 1 returning id) select * from u`],
] as const)('%s', (_what, statement) => {
  const TYPES: Readonly<Record<string, readonly [name: string, oid: number]>> = { pin: ['int4', 23], big: ['int8', 20], device: ['uuid', 2950] };

  it.each(
    Object.keys(TYPES).flatMap((column) =>
      (['text', 'binary'] as const).flatMap((format) => (['declared', 'not declared'] as const).map((declared) => [column, format, declared] as const)),
    ),
  )('with a token of %s, bound in %s, its type %s', async (column, format, declared) => {
    const before = await table();
    const [type, oid] = TYPES[column] ?? ['', 0];
    const token = shown[column] ?? '';
    const client = await login();
    const run = async (value: string): Promise<readonly (string | undefined)[]> => {
      const bytes = format === 'text' ? Buffer.from(value) : binaryOf(column as 'pin', value);
      const text = statement(column).replace('TYPE', type);
      return errors(
        await client.run(
          Buffer.concat([
            declared === 'declared' ? frame('P', `\0${text}\0`, int16(1), int32(oid)) : frame('P', `\0${text}\0`, int16(0)),
            frame('B', '\0\0', int16(1), int16(format === 'text' ? 0 : 1), int16(1), int32(bytes.length), bytes, int16(0)),
            frame('E', '\0', int32(0)),
            frame('S'),
          ]),
        ),
      );
    };
    expect(await run(token)).toEqual([expect.stringMatching(REFUSED)]);
    expect(await table()).toEqual(before);
    expect(await run(HONEST[COLUMNS.indexOf(column as 'pin')] ?? '')).toEqual([]);
    client.close();
    expect(await table()).not.toEqual(before);
  });
});

it('arrays of tokens, as text and in binary, and constants of one', async () => {
  const before = await table();
  const { pin = '' } = shown;
  const client = await login();
  const text = 'insert into devices (id, pin) select 9, x from unnest($1::int4[]) x';
  const array = Buffer.concat([int32(1), int32(0), int32(23), int32(2), int32(1), int32(4), int32(5), int32(4), int32(Number(pin))]);
  for (const [format, bytes] of [
    [0, Buffer.from(`{5,${pin}}`)],
    [1, array],
  ] as const) {
    const replies = await client.run(
      Buffer.concat([
        frame('P', `\0${text}\0`, int16(0)),
        frame('B', '\0\0', int16(1), int16(format), int16(1), int32(bytes.length), bytes, int16(0)),
        frame('E', '\0', int32(0)),
        frame('S'),
      ]),
    );
    expect(errors(replies)).toEqual([expect.stringMatching(REFUSED)]);
  }
  for (const constant of [`unnest('{5,${pin}}'::int4[])`, `unnest(array[5, ${pin}])`])
    expect(errors(await client.run(query(`insert into devices (id, pin) select 9, x from ${constant} x`)))).toEqual([expect.stringMatching(REFUSED)]);
  expect(await table()).toEqual(before);
  client.close();
});

it('a number of another type that holds the same bytes is written where no hidden one has its size', async () => {
  // −1.5 in eight bytes is a token of 64 bits; in a table without a hidden one of that size nobody takes it for one.
  await server.sql('create table prices (id int, amount double precision, device uuid)');
  const client = await login();
  const replies = await client.run(
    Buffer.concat([
      frame('P', '\0insert into prices (amount) values ($1)\0', int16(0)),
      frame('B', '\0\0', int16(1), int16(1), int16(1), int32(8), float64(-1.5), int16(0)),
      frame('E', '\0', int32(0)),
      frame('S'),
    ]),
  );
  expect(errors(replies)).toEqual([]);
  const declared = await client.run(
    Buffer.concat([
      frame('P', '\0update devices set amount = $1\0', int16(1), int32(701)),
      frame('B', '\0\0', int16(1), int16(1), int16(1), int32(8), float64(-1.5), int16(0)),
      frame('E', '\0', int32(0)),
      frame('S'),
    ]),
  );
  expect(errors(declared)).toEqual([]);
  client.close();
});

it('a token that is compared, and resolved, is no write: beside it, another column is written', async () => {
  const client = await login('dora');
  const { big = '', device = '' } = shown;
  const replies = await client.run(
    Buffer.concat([
      frame('P', '\0update devices set word = $1 where big = $2 and device = $3\0', int16(0)),
      frame('B', '\0\0', int16(1), int16(1), int16(3), int32(3), Buffer.from('new'), int32(8), int64(big), int32(16), binaryOf('device', device), int16(0)),
      frame('E', '\0', int32(0)),
      frame('S'),
    ]),
  );
  expect(errors(replies)).toEqual([]);
  expect(JSON.stringify(await table())).toContain('"new"');
  client.close();
});
