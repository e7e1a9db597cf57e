/** Sessions of real clients on a real server, exported: what ran and came back, as it was delivered, in each of the formats. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ExportFormat } from '../../src/contract/api-types.js';
import { postgres } from '../../src/protocols/postgres/index.js';
import { exportSession, readSession } from '../../src/recording/index.js';
import { eventually } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { describe as describeMessage, execute, frame, parse, query, RawClient, sync } from '../support/raw-client.js';
import { DEBIAN_BIN, type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { runProgram } from '../support/run-program.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial } }
data: { public.people.ssn: { class: ssn } }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: no-drop, effect: deny, actions: [drop], message: "never drop" }
`;

let server: RealPostgres;
let world: PathWorld;
const clients: pg.Client[] = [];

beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql("create table people (id int, ssn text); insert into people values (1, '536-90-4399'), (2, null)");
  world = await startPathWorld({ server, policy: POLICY, resultCap: 4_096 });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: world.url('token-ann') });
  clients.push(client);
  await client.connect();
  return client;
}

async function exported(format: ExportFormat, session = world.sessions.at(-1) ?? ''): Promise<string> {
  let text = '';
  for await (const chunk of exportSession(readSession(world.journalDir, world.bootId, session), format, postgres.replay)) text += chunk;
  return text;
}

interface Told {
  readonly kind: string;
  readonly sequence?: number;
  readonly [field: string]: unknown;
}
const documents = async (): Promise<Told[]> =>
  (await exported('ndjson'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Told);

/** What a cast shows, and its markers. */
async function played(): Promise<{ screen: string; markers: unknown[]; lines: string[] }> {
  const lines = (await exported('asciicast')).trimEnd().split('\n');
  const events = lines.filter((line) => line.startsWith('[')).map((line) => JSON.parse(line) as [number, string, string]);
  return {
    lines,
    screen: events
      .filter(([, code]) => code === 'o')
      .map(([, , data]) => data)
      .join(''),
    markers: events.filter(([, code]) => code === 'm').map(([, , data]) => data),
  };
}

async function ended(client: pg.Client): Promise<void> {
  clients.splice(clients.indexOf(client), 1);
  await client.end();
  await sealed();
}

const sealed = (): Promise<void> => eventually('the session is over', async () => (await exported('ndjson')).includes('{"kind":"end"'));

describe('ndjson', () => {
  it('has one document for each thing recorded, in order, and says in the end that it is whole', async () => {
    const client = await connect();
    await client.query('select id, ssn from people order by id');
    await expect(client.query('drop table people')).rejects.toThrow();
    await ended(client);
    const told = await documents();
    expect(told.map(({ kind }) => kind)).toEqual(['start', 'event', 'operation', 'result', 'outcome', 'operation', 'end', 'integrity']);
    expect(told.find(({ kind }) => kind === 'operation')).toMatchObject({
      sequence: 1,
      form: 'query',
      text: 'select id, ssn from people order by id',
      redacted: false,
    });
    const result = Buffer.from(String(told.find(({ kind }) => kind === 'result')?.['base64']), 'base64').toString('latin1');
    expect(result).toContain('4399');
    expect(result).not.toContain('536-90-4399');
    expect(told.filter(({ kind }) => kind === 'operation').at(-1)).toMatchObject({ sequence: 2, decision: { effect: 'deny', rule: 'test/no-drop' } });
    expect(told.at(-1)).toEqual({ kind: 'integrity', intact: true, live: false, problems: [] });
  });

  it('says of a session that is not there that its record is not intact', async () => {
    expect((await exported('ndjson', 'ses_none')).trim()).toMatch(/^\{"kind":"integrity","intact":false/);
    expect(await exported('sql', 'ses_none')).toMatch(/^\n-- record: NOT INTACT: session-unknown/);
    expect(await exported('asciicast', 'ses_none')).toMatch(/^\{"version":3[^\n]*\n# record: NOT INTACT: session-unknown/);
  });
});

describe('asciicast', () => {
  it('shows statement and result as psql would, masked as delivered, with what was masked and refused', async () => {
    const client = await connect();
    await client.query('select id, ssn from people order by id');
    await expect(client.query('drop table people')).rejects.toThrow();
    await expect(client.query('select nothing')).rejects.toThrow();
    await ended(client);
    const { screen, markers, lines } = await played();
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ version: 3, term: { cols: 120, rows: 40 }, title: expect.stringContaining('on bank-db') as string });
    expect(markers).toEqual(['#1', '#2', '#3']);
    expect(screen).toContain(
      [
        '=> select id, ssn from people order by id',
        ' id |     ssn',
        '----+-------------',
        '  1 | ***-**-4399',
        '  2 |',
        '(2 rows)',
        '[masked: 1 ssn (partial)]',
      ].join('\r\n'),
    );
    expect(screen).toContain('[refused by test/no-drop: drop on people (full name not known): denied by rule test/no-drop; never drop]');
    expect(screen).toMatch(/ERROR: {2}column "nothing" does not exist \(SQLSTATE 42703\)/);
    expect(screen).toMatch(/\[the session ended: client\]/);
    expect(lines.at(-1)).toBe('# record: complete and verified');
  });

  it('names the columns of what drivers run, and shows values of the binary format', async () => {
    const client = await connect();
    await client.query({ text: 'select $1::int as n, $2::text as t, null as x, true as b', values: [7, "it's"] });
    await ended(client);
    const text = await played();
    expect(text.screen).toContain("[$1 = '7', $2 = 'it''s']");
    expect(text.screen).toContain([' n |  t   | x | b', '---+------+---+---', " 7 | it's |   | t", '(1 row)'].join('\r\n'));

    const raw = await RawClient.login(world.port, 'bank-db', 'token-ann', '');
    const binary = Buffer.from([0, 0, 0, 0, 0, 1, 0, 1]);
    await raw.run(
      parse('', "select 1::int8 as big, 'abc'::text as t, true as b, 1.5::numeric as num"),
      frame('B', '\0\0', binary),
      describeMessage('P', ''),
      execute(''),
      sync(),
    );
    raw.close();
    await sealed();
    const { screen } = await played();
    expect(screen).toMatch(/ big \| +t +\| b \| +num\r\n/);
    expect(screen).toMatch(/ {3}1 \| abc \| t \| +\\x[0-9a-f]+\r\n\(1 row\)/);
  });

  it('redteam 6h: nothing that was recorded acts on a terminal', async () => {
    const client = await connect();
    await client.query('select e\'\\x1b]0;owned\\x07\' as "a\u001b[31m" -- \u202e\u001b[2J');
    await ended(client);
    for (const format of ['asciicast', 'sql'] as const) {
      const shown = format === 'sql' ? '' : (await played()).screen.replaceAll('\r\n', '');
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });

  it('says what of a result was not kept', async () => {
    const client = await connect();
    await client.query("select repeat('x', 60) as filler from generate_series(1, 1000)");
    await ended(client);
    const { screen } = await played();
    expect(screen).toMatch(/\[… 4 KiB kept of 6\d\.\d KiB of results, digest [0-9a-f]{64}\]/);
    expect(screen).toMatch(/\(the last message is not complete: \d+ of its bytes were kept\)/);
  });

  it('shows COPY, notices, several statements of one text, and nothing of no rows', async () => {
    const raw = await RawClient.login(world.port, 'bank-db', 'token-ann', '');
    await raw.run(query('create table if not exists people (a int); select 1 as a; select 2 as b where false'));
    await raw.run(query("copy (values (1, 'one'), (2, null)) to stdout"));
    raw.close();
    await sealed();
    const { screen } = await played();
    expect(screen).toContain(
      'NOTICE:  a notice of the server\r\nDETAIL:  What the server says here may hold values of the table; policy does not show it.\r\nCREATE TABLE',
    );
    expect(screen).toContain('to stdout\r\n1\\tone\r\n2\\t\\N\r\nCOPY 2');
    expect(screen).toContain([' a', '---', ' 1', '(1 row)', ' b', '---', '(0 rows)'].join('\r\n'));
  });
});

describe('sql', () => {
  it.each(['select 1 \\! touch x', "select 'open", 'select /* /* open */', 'select $a$ open $b$', 'copy t from stdin', 'select "open', "select e'\\'"])(
    'has no statement for what a script would run otherwise: %s',
    (text) => expect(postgres.replay?.statement(text)).toBeNull(),
  );
  it.each([
    ["select '\\', e'\\'', $$'\\$$, \"\\\", /* ' /* \\ */ */ 1", ';'],
    ['select 1;', ''],
    ['select 1 -- it;', '\n;'],
    ['select $1, a$b$c -- \n', ';'],
  ])('ends a statement once: %s', (text, end) => expect(postgres.replay?.statement(text)).toBe(text.trimEnd() + (text.endsWith('\n') ? '\n;' : end)));

  it('runs in psql as the session ran: what was refused, or came with parameters or input, stands there as a comment', async () => {
    const client = await connect();
    await client.query('create table replayed (id int, note text)');
    await client.query("insert into replayed values (1, 'it''s -- no comment')");
    await expect(client.query('drop table replayed')).rejects.toThrow();
    await client.query({ text: 'insert into replayed values ($1, $2)', values: [2, 'bound'] });
    await client.query("update replayed set note = note || '\\!' where id = 1 -- the end");
    await expect(client.query('select 1 \\! touch owned')).rejects.toThrow();
    await ended(client);
    const script = await exported('sql');
    expect(script).toMatch(/^-- session: ses\S+ on bank-db \(postgres, native\)\n-- who: /);
    expect(script).toContain('-- drop table replayed\n');
    expect(script).toMatch(/-- \$1 = '2'\n-- \$2 = 'bound'\n-- not in the script: it came with parameters\n-- insert into replayed values \(\$1, \$2\)\n/);
    expect(script).toContain('-- select 1 \\! touch owned\n');
    expect(script.trimEnd().split('\n').at(-1)).toBe('-- record: complete and verified');

    await server.sql('drop table replayed');
    const run = await runProgram(`${DEBIAN_BIN}/psql`, ['-X', '-v', 'ON_ERROR_STOP=1', '-d', server.url], { input: script });
    expect(run).toMatchObject({ code: 0 });
    const direct = new pg.Client({ connectionString: server.url });
    await direct.connect();
    expect((await direct.query('select * from replayed')).rows).toEqual([{ id: 1, note: "it's -- no comment\\!" }]);
    await direct.end();
  });

  it('never lets a recorded line out of its comment', async () => {
    const raw = await RawClient.login(world.port, 'bank-db', 'token-ann', '');
    await raw.run(query('drop table people --\rcreate table leaked (a int)\n;create table leaked2 (a int)'));
    raw.close();
    await sealed();
    const lines = (await exported('sql')).split(/[\r\n]/).filter((line) => line !== '');
    expect(lines.filter((line) => !line.startsWith('-- '))).toEqual([]);
  });
});
