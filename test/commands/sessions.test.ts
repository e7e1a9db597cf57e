/** What keeps and replays sessions, with the real CLI: exports to files and pipes, replays with and without a terminal. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { OperationRecord, SessionDetail, SessionSummary } from '../../src/contract/api-types.js';
import type { FoundOperation } from '../../src/contract/operation-index.js';
import { eventually } from '../store/state-server.js';
import { type FakeGateway, startFakeGateway } from '../support/fake-gateway.js';
import { type CliHome, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority } from '../support/test-authority.js';

const INTACT = '# record: complete and verified\n';
const CAST = `{"version":3,"term":{"cols":120,"rows":40},"timestamp":1,"title":"alice on bank-db"}
[0,"o","session: ses_1\\r\\n"]
[1,"m","#1"]
[0,"o","=> select '\\u001b[31m'\\r\\n"]
[3600,"o"," 1 row\\u0007\\r\\n"]
`;

const SUMMARY: SessionSummary = {
  id: 'ses_1',
  state: 'live',
  startedAt: '2026-11-21T07:00:00.000Z',
  endedAt: null,
  endReason: null,
  issuer: 'https://issuer.test',
  subject: 'sub-bot',
  name: 'bot',
  kind: 'agent',
  onBehalfOf: 'sub-alice',
  target: 'bank-db',
  protocol: 'postgres',
  via: 'tunnel',
  clientAddress: '127.0.0.1:1',
  client: null,
  reason: 'OPS-7',
  operations: 3,
  refused: 1,
  rows: 7,
  bytesUp: 1,
  bytesDown: 2,
  journal: 'gw-1',
  content: 'kept',
};
const DETAIL: SessionDetail = {
  session: SUMMARY,
  readOnly: false,
  operations: [
    {
      sequence: 3,
      at: '2026-11-21T07:00:00.000Z',
      form: 'query',
      text: "select word from people where ssn = 'tok_ssn_x'",
      summary: '',
      actions: ['select'],
      verdict: 'allow',
      rule: 'bank/read',
      reasons: [],
      policy: '',
      status: 'ok',
      rows: 1,
      bytes: 1,
      durationUs: 1000,
      message: null,
      masked: [{ class: 'ssn', treatment: 'partial', rule: null, values: 12 }],
      resolved: [
        { class: 'ssn', rule: 'bank/desk-asks\u001b[2J', values: 1 },
        { class: 'iban', rule: 'bank/desk-asks', values: 2 },
      ],
    },
  ],
  events: [
    {
      at: '2026-11-21T07:00:00.000Z',
      kind: 'approval.answer',
      data: { request: 'apr_1', kind: 'operation', operation: 3, answer: 'used', state: 'used', voters: [{ name: 'bob' }, { name: 'carol\u001b[2J' }] },
    },
  ],
  intact: true,
  problems: [],
  next: null,
};
const FOUND: FoundOperation = {
  session: 'ses_1',
  sequence: 3,
  at: '2026-11-21T07:00:00.000Z',
  issuer: 'https://issuer.test',
  subject: 'sub-alice',
  name: 'alice',
  target: 'bank-db',
  verdict: 'deny',
  status: 'refused',
  rule: 'bank/no',
  kinds: ['delete'],
  relations: ['ledger.entries'],
  masked: [],
  rows: null,
  text: 'delete from\n ledger.entries \u001b[2J',
};

let gateway: FakeGateway;
let home: CliHome;
let env: Record<string, string>;
let answer: string | null;
let detail: SessionDetail;
/** What the list of sessions holds. */
const listed = [SUMMARY];

beforeAll(async () => {
  const authority = await makeAuthority();
  home = await makeHome();
  gateway = await startFakeGateway({
    operations: [FOUND],
    detail: () => detail,
    // One that does not end.
    intercept: (request, response) => {
      if (request.url?.startsWith('/api/v1/sessions/ses_long/export') !== true) return false;
      response.write('{"kind":"start"}\n');
      return true;
    },
    sessions: listed,
    certificate: await authority.issue(),
    exported: (format) => answer ?? `${format}\n-- record: complete and verified\n`,
  });
  await home.trust(gateway.port, authority.ca);
  env = { GW_GATEWAY: gateway.url, GW_ID_TOKEN: tokenFor('alice') };
});
beforeEach(() => {
  answer = null;
  detail = DETAIL;
  listed[0] = SUMMARY;
});
afterAll(async () => {
  await gateway.close();
  await home.remove();
});

const run = (...argv: string[]) => home.run(['sessions', ...argv], { env });
const work = (name = ''): string => join(home.folder, 'work', name);

describe('gw sessions export', () => {
  it('writes to a pipe as it is, and to a file that only its owner can read', async () => {
    expect(await run('export', 'ses_1', '--format', 'sql')).toMatchObject({ code: 0, stdout: 'sql\n-- record: complete and verified\n', stderr: '' });
    expect(await run('export', 'ses_1', '--format', 'sql', '-o', 'out.sql')).toMatchObject({ code: 0, stdout: '', stderr: 'Wrote 37 bytes to out.sql.\n' });
    expect(await readFile(work('out.sql'), 'utf8')).toBe('sql\n-- record: complete and verified\n');
    expect((await stat(work('out.sql'))).mode & 0o777).toBe(0o600);
    expect(gateway.requests.at(-1)?.path).toBe('/api/v1/sessions/ses_1/export?format=sql');
  });

  it('takes nothing over that an earlier one left, and leaves nothing when it is interrupted', async () => {
    await writeFile(work('early.sql.part'), 'half', { mode: 0o644 });
    expect(await run('export', 'ses_1', '--format', 'sql', '-o', 'early.sql')).toMatchObject({ code: 0 });
    expect((await stat(work('early.sql'))).mode & 0o777).toBe(0o600);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const cli = home.start(['sessions', 'export', 'ses_long', '-o', 'long.ndjson'], { env });
      await eventually('some of it is there', async () => (await readdir(work())).includes('long.ndjson.part'));
      cli.child.kill(signal);
      expect(await cli.done).toMatchObject({ signal });
      expect((await readdir(work())).filter((name) => name.startsWith('long'))).toEqual([]);
    }
  });

  it('ends with 9 for a record that is not intact, and leaves nothing of one that was cut off', async () => {
    answer = '-- record: NOT INTACT: chain-broken: x\n';
    expect(await run('export', 'ses_1', '--format', 'sql')).toMatchObject({ code: 9, stdout: answer });
    answer = '{"kind":"integrity","intact":false,"problems":[]}\n';
    expect(await run('export', 'ses_1', '--file', 'bad.ndjson')).toMatchObject({ code: 9 });
    for (answer of ['', 'half', '{"kind":"start"}\n', '{"kind":"integrity","inta', 'select 1; -- record: complete and verified']) {
      expect(await run('export', 'ses_1', '-o', 'half.txt')).toMatchObject({ code: 8, stdout: '' });
    }
    expect((await readdir(work())).filter((name) => name.startsWith('half'))).toEqual([]);
  });

  it('says that a directory is none, and leaves nothing beside it', async () => {
    await mkdir(work('kept'));
    const refused = await run('export', 'ses_1', '-o', 'kept');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('kept is a directory');
    expect((await readdir(work())).filter((name) => name.startsWith('kept'))).toEqual(['kept']);
    const nowhere = await run('export', 'ses_1', '-o', 'nowhere/export');
    expect(nowhere).toMatchObject({ code: 2, stdout: '' });
    expect(nowhere.stderr).toContain('nowhere/export cannot be written: there is no such file or directory.');
  });

  it('says what the gateway says', async () => {
    const result = await home.run(['sessions', 'export', 'ses_1', '--json'], { env });
    expect(result).toMatchObject({ code: 2 });
    const refused = await home.run(['sessions', 'export', 'ses_1'], { env: { ...env, GW_ID_TOKEN: '' } });
    expect(refused.code).toBe(4);
  });
});

describe('gw sessions play', () => {
  it('prints everything at once without a terminal, with control characters made visible (redteam 6h)', async () => {
    answer = CAST + INTACT;
    expect(await run('play', 'ses_1')).toMatchObject({ code: 0, stdout: "session: ses_1\n=> select '\\u{1b}[31m'\n 1 row\\u{7}\n", stderr: '' });
    answer = `${CAST}# record: NOT INTACT: x\n`;
    expect(await run('play', 'ses_1')).toMatchObject({ code: 9 });
    answer = CAST;
    expect(await run('play', 'ses_1')).toMatchObject({ code: 8 });
  });

  it('gives all of it as JSON', async () => {
    answer = CAST + INTACT;
    const result = await run('play', 'ses_1', '--json', '--skip-idle', '2s');
    expect(JSON.parse(result.stdout)).toEqual({
      session: 'ses_1',
      title: 'alice on bank-db',
      events: [
        { at: 0, kind: 'output', text: 'session: ses_1\r\n' },
        { at: 1_000, kind: 'marker', text: '#1' },
        { at: 1_000, kind: 'output', text: "=> select '\u001b[31m'\r\n" },
        { at: 3_601_000, kind: 'output', text: ' 1 row\u0007\r\n' },
      ],
      intact: true,
    });
    answer = `${CAST}# record: NOT INTACT: x\n`;
    expect(await run('play', 'ses_1', '--json')).toMatchObject({ code: 9 });
  });

  it.each([
    ['--speed', '0'],
    ['--speed', 'fast'],
    ['--from', 'noon'],
    ['--skip-idle', '2'],
  ])('refuses %s %s', async (flag, value) => {
    expect(await run('play', 'ses_1', flag, value)).toMatchObject({ code: 2 });
  });
});

describe('gw sessions search', () => {
  it('asks with the words as they are, and shows what was found in one line each', async () => {
    const result = await run('search', 'relation:ledger.entries "a b"', '--limit', '1');
    expect(result).toMatchObject({ code: 0, stderr: 'There are more: add --before 2026~ses_1~1\n' });
    expect(result.stdout).toBe('ses_1\t3\t2026-11-21T07:00:00.000Z\talice\tbank-db\tdeny\trefused\t\t\tdelete from\\n ledger.entries \\u{1b}[2J\n');
    expect(gateway.requests.at(-1)?.path).toBe('/api/v1/operations?q=relation%3Aledger.entries+%22a+b%22&limit=1&mine=false');
    expect((await run('search', 'x', '-o', 'table', '--mine')).stdout).toMatch(/^SESSION +OPERATION +AT +NAME .*\nses_1 +3 .* delete from ledger\.entries/);
  });
});

describe('gw sessions ls and show', () => {
  it('pass every filter on, and read times as people write them', async () => {
    await run(
      'ls',
      '--kind',
      'agent',
      '--acting-for',
      'sub-alice',
      '--relation',
      'ledger.entries',
      '--verdict',
      'deny',
      '--action',
      'delete',
      '--masked',
      'ssn',
      '--since',
      '2026-11-20',
    );
    expect(Object.fromEntries(new URL(gateway.requests.at(-1)?.path ?? '', 'https://x').searchParams)).toEqual({
      kind: 'agent',
      onBehalfOf: 'sub-alice',
      relation: 'ledger.entries',
      verdict: 'deny',
      action: 'delete',
      masked: 'ssn',
      since: '2026-11-20T00:00:00.000Z',
      limit: '50',
    });
    expect(await run('ls', '--since', 'noon')).toMatchObject({ code: 2 });
  });

  it('say for whom, why, and who approved', async () => {
    const { stdout } = await run('show', 'ses_1');
    expect(stdout).toMatch(/acting for +sub-alice\n/);
    expect(stdout).toMatch(/reason +OPS-7\n/);
    expect(stdout).toContain(
      '  12 ssn (partial), 1 ssn token resolved by bank/desk-asks\\u{1b}[2J, 2 iban tokens resolved by bank/desk-asks  1.0 ms  select word',
    );
    expect(stdout).toContain('approval    apr_1 for operation 3: used, approved by bob, carol\\u{1b}[2J\n');
  });

  it('say by whom and why a session ended, and which rule decided an operation, or who refused it and why', async () => {
    const [allowed] = DETAIL.operations as [OperationRecord];
    const operation = (sequence: number, change: Partial<OperationRecord>): OperationRecord => ({ ...allowed, masked: [], resolved: [], sequence, ...change });
    const denied = { verdict: 'deny', rule: 'bank/ask', status: 'refused', reasons: ['bob denied apr_1: name\u001b[2J the rows.', 'a second reason'] } as const;
    const undone = { status: 'refused', reasons: ['it is read only'], message: 'bob denied apr_2: too many.' };
    detail = {
      ...DETAIL,
      session: { ...SUMMARY, state: 'ended', endedAt: '2026-11-21T07:00:05.000Z', endReason: 'killed' },
      endMessage: 'This session was ended by root: wrong\u001b[2J target.',
      operations: [operation(1, {}), operation(2, denied), operation(3, undone), operation(4, { rule: null })],
    };
    const { stdout, stderr } = await run('show', 'ses_1');
    expect(stderr).toBe('');
    expect(stdout).toContain('ended       2026-11-21T07:00:05.000Z (killed, after 5 s): This session was ended by root: wrong\\u{1b}[2J target.\n');
    const [first, second, reason, third, message, fourth] = stdout.split('\n').slice(-7);
    expect(first).toMatch(/^1 .* ok \(bank\/read\) /);
    expect(second).toMatch(/^2 .* denied \(bank\/ask\) /);
    expect(reason).toMatch(/^ +bob denied apr_1: name\\u\{1b\}\[2J the rows\.$/);
    expect(third).toMatch(/^3 .* refused \(bank\/read\) /);
    expect(message).toMatch(/^ +bob denied apr_2: too many\.$/);
    expect(fourth).toMatch(/^4 .* ok {2}/);
    expect(stdout).not.toContain('a second reason');
  });

  it('follow: a session once, and Ctrl-C ends it', async () => {
    const cli = home.start(['sessions', 'ls', '--follow'], { env });
    await cli.stdoutHas('ses_1\tlive');
    const asked = gateway.requests.length;
    await eventually('asked again', () => gateway.requests.length > asked + 1);
    cli.child.kill('SIGINT');
    expect(await cli.done).toMatchObject({ code: 0 });
    expect((await cli.done).stdout.split('\n')).toHaveLength(2);
  });
});

describe('gw sessions ls --follow', () => {
  /** What it prints until Ctrl-C, of a session that runs and ends. */
  async function followed(end: string, ...argv: string[]): Promise<string> {
    listed[0] = SUMMARY;
    const cli = home.start(['sessions', 'ls', '--follow', ...argv], { env });
    await cli.stdoutHas('ses_1');
    listed[0] = { ...SUMMARY, state: 'ended', endedAt: '2026-11-21T07:00:05.000Z', endReason: 'client' };
    await cli.stdoutHas(end);
    cli.child.kill('SIGINT');
    expect(await cli.done).toMatchObject({ code: 0, stderr: '' });
    return (await cli.done).stdout;
  }

  it.each([['--json'], ['-o', 'json'], ['-o', 'ndjson']])('gives a document a line: %s %s', async (...argv) => {
    const states = (await followed('"ended"', ...argv))
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as SessionSummary).state);
    expect(states).toEqual(['live', 'ended']);
  });

  it('gives one heading in CSV, and a document for each in YAML', async () => {
    expect((await followed(',ended,', '-o', 'csv')).split('\n').map((line) => line.split(',')[0])).toEqual(['id', 'ses_1', 'ses_1', '']);
    const states = parseAllDocuments(await followed('endReason: client', '-o', 'yaml')).map((document) => (document.toJS() as SessionSummary).state);
    expect(states).toEqual(['live', 'ended']);
  });
});

describe('gw sessions watch', () => {
  it('shows what comes until the session ends, made visible', async () => {
    answer = `${CAST}# nothing new\n${INTACT}`;
    expect(await run('watch', 'ses_1')).toMatchObject({ code: 0, stdout: "session: ses_1\n=> select '\\u{1b}[31m'\n 1 row\\u{7}\n", stderr: '' });
    expect(gateway.requests.at(-1)?.path).toBe('/api/v1/sessions/ses_1/watch');
    answer = `${CAST}# record: NOT INTACT: x\n`;
    expect(await run('watch', 'ses_1')).toMatchObject({ code: 9 });
    for (answer of [`${CAST}# nothing new\n`, '[0,"o"\n']) expect(await run('watch', 'ses_1')).toMatchObject({ code: 8 });
  });
});
