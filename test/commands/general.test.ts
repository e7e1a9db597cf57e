/** What holds for every command: output forms, errors, trust, settings; and the commands that read. With the real CLI. */
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Status } from '../../src/cli/status.js';
import type { SessionDetail, SessionSummary, SubjectRecord } from '../../src/contract/api-types.js';
import { GwError } from '../../src/contract/gw-error.js';
import { type FakeGateway, lineTarget, person, startFakeGateway } from '../support/fake-gateway.js';
import { type CliHome, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority, type TestAuthority } from '../support/test-authority.js';

const session = (id: string, change: Partial<SessionSummary> = {}): SessionSummary => ({
  id,
  state: 'live',
  startedAt: '2026-11-21T07:00:00.000Z',
  endedAt: null,
  endReason: null,
  issuer: 'https://issuer.test',
  subject: 'sub-alice',
  name: 'alice',
  kind: 'person',
  onBehalfOf: null,
  target: 'bank-db',
  protocol: 'line',
  via: 'tunnel',
  clientAddress: '127.0.0.1:1',
  client: null,
  reason: '=1+1',
  operations: 3,
  refused: 1,
  rows: 7,
  bytesUp: 1,
  bytesDown: 2,
  journal: 'gw-1',
  content: 'kept',
  ...change,
});

const user = (name: string, issuer = 'https://issuer.test'): SubjectRecord => ({
  issuer,
  subject: `sub-${name}`,
  name,
  kind: 'person',
  email: null,
  groups: ['engineers'],
  lastSeenAt: '2026-11-21T07:00:00.000Z',
  locked: false,
  lockedBy: null,
  lockedReason: null,
});

const detail: SessionDetail = {
  session: session('ses_1', { reason: 'look \u001b[2Jhere' }),
  operations: [
    {
      sequence: 1,
      at: '2026-11-21T07:00:01.000Z',
      form: 'query',
      text: 'select\n  1 \u001b]0;owned\u0007',
      summary: 'reads nothing',
      actions: ['select'],
      verdict: 'deny',
      rule: 'base/no',
      reasons: ['no'],
      policy: 'sha256:1',
      status: 'refused',
      rows: null,
      bytes: null,
      durationUs: 1500,
      message: null,
      masked: [{ class: 'ssn', treatment: 'partial', rule: null, values: 12 }],
    },
  ],
  events: [],
  intact: true,
  problems: [],
  next: null,
} as unknown as SessionDetail;

let authority: TestAuthority;
let gateway: FakeGateway;
let home: CliHome;
let env: Record<string, string>;
let refuse: GwError | null = null;

beforeAll(async () => {
  authority = await makeAuthority();
  home = await makeHome();
  gateway = await startFakeGateway({
    certificate: await authority.issue(),
    targets: [lineTarget('bank-db', { description: 'money\u001b[31m here' }), lineTarget('vault', { reachable: false, reasons: ['only dba'], rule: null })],
    sessions: [session('ses_1'), session('ses_2', { subject: 'sub-bob', name: 'bob', state: 'ended', endReason: 'client' })],
    users: [user('alice'), user('bob'), user('bob', 'https://other.test')],
    detail,
    verify: () => refuse ?? person('alice'),
  });
  await home.trust(gateway.port, authority.ca);
  env = { GW_GATEWAY: gateway.url, GW_ID_TOKEN: tokenFor('alice') };
});

beforeEach(() => {
  refuse = null;
});

afterAll(async () => {
  await gateway.close();
  await home.remove();
});

const run = (...argv: string[]) => home.run(argv, { env });

describe('output', () => {
  it('is tab-separated without a header in a pipe, with nothing on stderr', async () => {
    expect(await run('ls')).toMatchObject({
      code: 0,
      stdout: 'bank-db\tline\ttrue\tbase/connect\tmoney\\u{1b}[31m here\nvault\tline\tfalse\tonly dba\tthe target vault\n',
      stderr: '',
    });
  });

  it('comes as json, ndjson, yaml, csv and table', async () => {
    expect(JSON.parse((await run('ls', '--json')).stdout)).toMatchObject({ targets: [{ name: 'bank-db' }, { name: 'vault', reasons: ['only dba'] }] });
    expect((await run('ls', '-o', 'json')).stdout).toBe((await run('ls', '--json')).stdout);
    expect((await run('ls', '-o', 'ndjson')).stdout.trim().split('\n')).toHaveLength(2);
    expect((await run('ls', '-o', 'yaml')).stdout).toContain('- name: bank-db');
    expect((await run('ls', '-o', 'table')).stdout).toMatch(/^NAME +KIND +REACHABLE/);
    const csv = (await run('sessions', 'ls', '-o', 'csv')).stdout;
    // redteam 6h: a reason that a spreadsheet would run.
    expect(csv).toContain(",'=1+1\n");
    expect(csv).toMatch(/^id,state,name,target,started/);
  });

  it('redteam 6h: shows the control characters of a recorded statement instead of sending them to the terminal', async () => {
    const { stdout } = await run('sessions', 'show', 'ses_1');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('select 1 \\u{1b}]0;owned');
    expect(stdout).toContain('denied (base/no)');
    expect(stdout).toContain('12 ssn (partial)');
  });

  it('has times in RFC 3339 in data', async () => {
    expect((await run('sessions', 'ls')).stdout).toContain('\t2026-11-21T07:00:00.000Z\t');
  });
});

describe('errors', () => {
  it('are JSON on stdout under --json, with the request id, and nothing else', async () => {
    refuse = new GwError('login.locked', 'alice is locked.');
    const result = await run('ls', '--json');
    expect(result).toMatchObject({ code: 3, stderr: '' });
    expect(JSON.parse(result.stdout)).toEqual({
      error: { code: 'login.locked', message: 'alice is locked.', hint: expect.any(String) as string, requestId: 'req_1', retryable: false },
    });
  });

  it('have no stack without --debug, and no token with it', async () => {
    const plain = await home.run(['ls'], { env: { ...env, GW_GATEWAY: 'https://localhost:1' } });
    expect(plain.code).toBe(8);
    expect(plain.stdout).toBe('');
    expect(plain.stderr).not.toMatch(/\n\s+at /);
    const debug = await home.run(['ls', '--debug'], { env: { ...env, GW_GATEWAY: 'https://localhost:1' } });
    expect(debug.stderr).toMatch(/\n\s+at /);
    expect(debug.stderr).not.toContain(env['GW_ID_TOKEN'] ?? '?');
  });

  it.each([
    [['lss'], 2, 'Did you mean `gw ls`'],
    [['ls', '--nope'], 2, '--nope'],
    [['lss', '--help'], 2, 'Did you mean `gw ls`'],
    [['--gateway', 'https://localhost:1', 'ls'], 2, 'Flags stand behind the command'],
    [['lss', 'bank-db'], 2, 'Did you mean `gw ls`'],
    [['conect', 'bank-db'], 2, 'Did you mean `gw connect`'],
    [['policy', 'simulate', 'candidate.yaml'], 2, 'Did you mean `gw policy simulate`'],
    [['sessions', 'show'], 2, 'error: ID is missing: Id of the session, from `gw sessions ls`.\n'],
    [['sessions', 'search', ' '], 2, 'error: There is nothing to search for.\n'],
    [['deny', 'apr_1'], 2, 'error: --reason is missing.\n'],
    [['hold', 'add'], 2, 'Exactly one of the following must be provided: --session, --target, --user; --reason is missing.\n'],
    [['ls', '-o', 'xml'], 2, 'xml'],
    [['sessions', 'ls', '--limit', '0'], 2, 'error: --limit: Expected an integer greater than or equal to 1 but received: 0.\n'],
    [['ls', '--gateway', 'http://localhost:1'], 2, 'not https'],
    [['ls', '--context', 'nowhere'], 2, 'no context'],
  ] as const)('%j ends with %i', async (argv, code, words) => {
    const result = await run(...argv);
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(words);
    expect(result.stdout).toBe('');
  });

  it('are not told of defaults that say nothing', async () => {
    const { code, stdout } = await run('audit', 'verify', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('[default: .]');
    expect(stdout).not.toContain('[default: ]');
  });

  it('name the exit codes in `gw help exit-codes`', async () => {
    const { exitCodes } = JSON.parse((await run('help', 'exit-codes', '--json')).stdout) as { exitCodes: { code: number }[] };
    expect(exitCodes.map(({ code }) => code)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 75, 130]);
  });
});

describe('trust', () => {
  it('of a gateway is for exactly that gateway', async () => {
    const other = await startFakeGateway({ certificate: await authority.issue() });
    const result = await home.run(['ls', '--json'], { env: { ...env, GW_GATEWAY: other.url } });
    await other.close();
    expect(result.code).toBe(8);
    expect(JSON.parse(result.stdout)).toMatchObject({ error: { code: 'gateway.untrusted', hint: expect.stringContaining('--ca-file') as string } });
    expect(other.requests).toEqual([]);
  });

  it('comes from GW_CA_FILE too, and a wrong authority, an expired certificate and another name are refused', async () => {
    const file = join(home.folder, 'ca.pem');
    const foreign = await makeAuthority();
    for (const [certificate, ca, code] of [
      [await authority.issue(), authority.ca, 0],
      [await authority.issue(), foreign.ca, 8],
      [await authority.issue({ notAfter: new Date(Date.now() - 60_000) }), authority.ca, 8],
      [await authority.issue({ names: ['elsewhere.test'] }), authority.ca, 8],
    ] as const) {
      const other = await startFakeGateway({ certificate });
      await writeFile(file, ca);
      const result = await home.run(['ls', '--json'], { env: { ...env, GW_GATEWAY: other.url, GW_CA_FILE: file } });
      await other.close();
      expect(result.code).toBe(code);
      if (code !== 0) expect(other.requests).toEqual([]);
    }
  });

  it('follows no redirect with the token', async () => {
    const other = await startFakeGateway({
      certificate: await authority.issue(),
      intercept(_request, response) {
        response.writeHead(302, { location: `${gateway.url}/api/v1/targets` }).end();
        return true;
      },
    });
    await home.trust(other.port, authority.ca);
    const before = gateway.requests.length;
    const result = await home.run(['ls'], { env: { ...env, GW_GATEWAY: other.url } });
    await other.close();
    expect(result.code).toBe(8);
    expect(result.stderr).toContain('redirect');
    expect(gateway.requests.length).toBe(before);
  });
});

describe('a project file', () => {
  const project = async (text: string): Promise<string> => {
    const folder = join(home.folder, 'project', 'deep');
    await mkdir(folder, { recursive: true });
    await writeFile(join(home.folder, 'project', '.gw.yaml'), text);
    return folder;
  };

  it('may name a target and a gateway that the user has, and is weaker than the environment', async () => {
    const cwd = await project('target: vault\n');
    const settings = JSON.parse((await home.run(['config', '--json'], { env, cwd })).stdout) as {
      settings: { setting: string; value: string; source: string }[];
    };
    expect(settings.settings.find(({ setting }) => setting === 'target')).toMatchObject({
      value: 'vault',
      source: expect.stringContaining('.gw.yaml') as string,
    });
    const stronger = JSON.parse((await home.run(['config', '--json'], { env: { ...env, GW_TARGET: 'bank-db' }, cwd })).stdout) as typeof settings;
    expect(stronger.settings.find(({ setting }) => setting === 'target')).toMatchObject({ value: 'bank-db', source: 'environment' });
    expect(JSON.stringify(stronger)).not.toContain(env['GW_ID_TOKEN']);
  });

  it('that names a gateway of its own gets no token of the environment', async () => {
    const cwd = await project(`gateway: ${gateway.url}\n`);
    const before = gateway.requests.length;
    const result = await home.run(['ls'], { env: { GW_ID_TOKEN: env['GW_ID_TOKEN'] ?? '' }, cwd });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('.gw.yaml');
    expect(gateway.requests.length).toBe(before);
  });

  it.each(['caFile: /tmp/ca.pem', 'idToken: abc', 'gateway: [1]', '- a', 'x: &a [*a]'])('that says %j is refused', async (text) => {
    const cwd = await project(`${text}\n`);
    const result = await home.run(['config'], { env, cwd });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('.gw.yaml');
  });
});

describe('commands that read and act', () => {
  it('gw alone works without settings, without a login, and with one', async () => {
    expect((await home.run([])).stdout).toContain('gw login');
    const signed = await run();
    expect(signed.code).toBe(0);
    expect(signed.stdout).toContain('alice');
    expect(signed.stdout).toContain('ses_1');
    expect(signed.stdout).not.toContain('ses_2');
    const json = JSON.parse((await run('--json')).stdout) as { next: unknown[] };
    expect(json.next).toHaveLength(3);
  });

  it('gw status ends with 4 without a login and 8 without a gateway there, and prints in any case', async () => {
    const none = await home.run(['status', '--json'], { env: { GW_GATEWAY: gateway.url } });
    expect(none.code).toBe(4);
    expect(JSON.parse(none.stdout)).toMatchObject({ reachable: true, login: null });
    const away = await home.run(['status', '--json'], { env: { GW_GATEWAY: 'https://localhost:1' } });
    expect(away.code).toBe(8);
    expect(JSON.parse(away.stdout)).toMatchObject({ reachable: false, problem: { code: 'gateway.unreachable' } });
  });

  it('gw status says how many targets are within reach, and as whom where policy names accounts', async () => {
    const named = Array.from({ length: 10 }, (_, at) =>
      lineTarget(`web-${at}`, { accounts: ['deploy', 'backup'], ...(at === 0 ? { ownAccount: false } : {}) }),
    );
    const other = await startFakeGateway({
      certificate: await authority.issue(),
      targets: [lineTarget('bank-db'), ...named, lineTarget('vault', { reachable: false })],
      verify: () => person('alice'),
    });
    await home.trust(other.port, authority.ca);
    const at = (...argv: string[]) => home.run(argv, { env: { ...env, GW_GATEWAY: other.url } });
    try {
      const { code, stdout } = await at('status');
      expect(code).toBe(0);
      expect(stdout).toContain('targets   11 within reach\naccounts  web-0: deploy backup\n          web-1: (own) deploy backup\n');
      expect(stdout).toContain('          web-7: (own) deploy backup\n          … and 2 more targets; see `gw ls`\n');
      const { targets } = JSON.parse((await at('status', '--json')).stdout) as Status;
      expect(targets).toHaveLength(11);
      expect(targets?.slice(0, 2)).toEqual([
        { name: 'bank-db', own: true, accounts: [] },
        { name: 'web-0', own: false, accounts: ['deploy', 'backup'] },
      ]);
      expect((await at('ls', '-o', 'table')).stdout).toMatch(/web-1 .*\(own\) deploy backup/);
    } finally {
      await other.close();
    }
  });

  it('gw sessions kill sends the reason', async () => {
    expect((await run('sessions', 'kill', 'ses_1', '--reason', 'runaway')).code).toBe(0);
    expect(gateway.requests.at(-1)).toMatchObject({ method: 'POST', path: '/api/v1/sessions/ses_1/kill', body: { reason: 'runaway' } });
  });

  it('gw hold add covers one thing, and refuses two at once instead of leaving one out', async () => {
    const asked = gateway.requests.length;
    for (const two of [
      ['--user', 'alice', '--target', 'bank-db'],
      ['--session', 'ses_1', '--user', 'alice'],
      ['--target', 'bank-db', '--session', 'ses_1'],
    ]) {
      const refused = await run('hold', 'add', ...two, '--reason', 'case 7');
      expect([two, refused.code]).toEqual([two, 2]);
      expect(refused.stderr).toContain('cannot also be provided');
    }
    expect((await run('hold', 'add', '--reason', 'case 7')).code).toBe(2);
    expect(gateway.requests).toHaveLength(asked);
  });

  it('gw hold add on a target that is not configured places it, and says so', async () => {
    const place = (target: string) => run('hold', 'add', '--target', target, '--reason', 'case 7');
    const placed = (target: string) => ({ method: 'POST', path: '/api/v1/holds', body: { scope: 'target', value: target, issuer: null, reason: 'case 7' } });
    const known = await place('bank-db');
    expect([known.code, known.stderr]).toEqual([0, 'Placed hld_1 on the target bank-db.\n']);
    expect(gateway.requests.at(-1)).toMatchObject(placed('bank-db'));
    const gone = await place('nope\u001b[2J');
    expect([gone.code, gone.stderr]).toEqual([0, expect.stringMatching(/^Placed .*\nnote: No target "nope\\u\{1b\}\[2J" is configured now\b.*\n$/) as string]);
    expect(gateway.requests.at(-1)).toMatchObject(placed('nope\u001b[2J'));
    expect((await place('Bank-DB')).stderr).toContain('Did you mean bank-db?');
    expect((await run('hold', 'add', '--session', 'nope', '--reason', 'case 7')).stderr).toBe('Placed hld_1 on the session nope.\n');
  });

  it('gw users lock finds a unique name, and refuses one that means two', async () => {
    expect((await run('users', 'lock', 'alice', '--reason', 'left')).code).toBe(0);
    expect(gateway.requests.at(-1)).toMatchObject({
      path: '/api/v1/users/lock',
      body: { issuer: 'https://issuer.test', subject: 'sub-alice', reason: 'left' },
    });
    const two = await run('users', 'unlock', 'bob', '--reason', 'back');
    expect(two.code).toBe(2);
    expect(two.stderr).toContain('https://other.test#sub-bob');
    expect((await run('users', 'unlock', 'https://other.test#sub-bob', '--reason', 'back')).code).toBe(0);
    expect((await run('users', 'lock', 'zoe', '--reason', 'x')).code).toBe(1);
    expect((await run('users', 'lock', 'alice')).code).toBe(2);
  });

  it('gw config makes, uses and removes contexts, 0600, and refuses what is not one', async () => {
    const file = join(home.folder, 'config', 'gw', 'config.json');
    expect((await home.run(['config', 'set', 'gateway', 'gw.test:8443'])).code).toBe(0);
    expect((await home.run(['config', 'set', 'gateway', gateway.url, '--context', 'here'])).code).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await home.run(['config', 'ls'])).stdout).toBe(`default\ttrue\thttps://gw.test:8443\t\nhere\tfalse\t${gateway.url}\t\n`);
    expect((await home.run(['config', 'use', 'here'])).code).toBe(0);
    expect(JSON.parse((await home.run(['status', '--json'])).stdout)).toMatchObject({ gateway: gateway.url, context: 'here' });
    // A flag is stronger than the environment, the environment than the file.
    expect(JSON.parse((await home.run(['status', '--json'], { env: { GW_CONTEXT: 'default' } })).stdout)).toMatchObject({ gateway: 'https://gw.test:8443' });
    expect(JSON.parse((await home.run(['status', '--json', '--context', 'here'], { env: { GW_CONTEXT: 'default' } })).stdout)).toMatchObject({
      gateway: gateway.url,
    });
    expect((await home.run(['config', 'use', 'nowhere'])).code).toBe(2);
    expect((await home.run(['config', 'set', 'gateway', 'http://gw.test'])).code).toBe(2);
    expect((await home.run(['config', 'set', 'gateway', gateway.url, '--context', '../x'])).code).toBe(2);
    await Promise.all(['a', 'b', 'c'].map((name) => home.run(['config', 'set', 'gateway', gateway.url, '--context', name])));
    expect(Object.keys((JSON.parse(await readFile(file, 'utf8')) as { contexts: object }).contexts).sort()).toEqual(['a', 'b', 'c', 'default', 'here']);
    for (const name of ['a', 'b', 'c', 'here', 'default']) await home.run(['config', 'rm', name]);
  });

  it('gw doctor finds a missing client and open files, and passes when nothing is wrong', async () => {
    const doctor = await run('doctor', '--json');
    const findings = (JSON.parse(doctor.stdout) as { findings: { check: string; result: string }[] }).findings;
    expect(Object.fromEntries(findings.map(({ check, result }) => [check, result]))).toMatchObject({
      gateway: 'ok',
      tls: 'ok',
      clock: 'ok',
      login: 'ok',
      client: 'warn',
      files: 'ok',
    });
    expect(doctor.code).toBe(0);
    const file = join(home.folder, 'config', 'gw', 'config.json');
    await writeFile(file, '{}');
    await chmod(file, 0o644);
    const open = await run('doctor');
    expect(open.code).toBe(1);
    expect(open.stdout).toContain(`chmod 600 ${file}`);
    await chmod(file, 0o600);
  });

  it('gw version tells both versions, and gw --version its own', async () => {
    expect(JSON.parse((await run('version', '--json')).stdout)).toMatchObject({ gw: '0.1.0', gateway: '0.1.0' });
    expect((await home.run(['--version'])).stdout).toMatch(/^gw\/0\.1\.0 \S+ node-v/);
    expect(JSON.parse((await home.run(['version', '--json'], { env: { GW_GATEWAY: 'https://localhost:1' } })).stdout)).toMatchObject({ gateway: null });
  });
});
