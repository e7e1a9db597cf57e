/** Behaviour that needs a real terminal: made by `script`, which is part of every Linux system that these tests run on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalInfo } from '../../src/contract/api-types.js';
import type { FoundOperation } from '../../src/contract/operation-index.js';
import { eventually } from '../store/state-server.js';
import { ROOT } from '../support/build-cli.js';
import { approvalInfo, type FakeGateway, lineTarget, startFakeGateway } from '../support/fake-gateway.js';
import { type CliHome, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority } from '../support/test-authority.js';

/** Survives the first Ctrl-C, as a SQL shell does, and ends with 7 when told so. */
const INTERRUPTED = `#!/usr/bin/env node
let count = 0;
process.on('SIGINT', () => process.stdout.write('interrupted ' + ++count + '\\n'));
process.stdin.on('data', (text) => { if (String(text).includes('quit')) process.exit(7); });
process.stdout.write('prompt> \\n');
`;

/** An hour passes before the last line. */
const CAST = `{"version":3,"term":{"cols":120,"rows":40},"title":"alice on bank-db"}
[0,"o","head\\u001b]0;owned\\u0007\\r\\n"]
[0,"m","#1"]
[3600,"m","#2"]
[0,"o","the second\\r\\n"]
[3600,"o","the end\\r\\n"]
# record: complete and verified
`;

/** More than `gw sessions play` keeps in memory. */
const LONG_CAST = CAST.replace('[3600,"m","#2"]', `${`[0,"m","${'#'.repeat(2 ** 20)}"]\n`.repeat(40)}[3600,"m","#2"]`);

/** Ends the title of the window, clears the screen in the two forms that a terminal knows, and turns what follows around. */
const HOSTILE = 'select 1 -- \u001b]0;owned\u0007\u001b[2J\u009b2J\u202e';
const FOUND: FoundOperation = {
  session: 'ses_1',
  sequence: 1,
  at: '2026-11-21T07:00:00.000Z',
  issuer: 'https://issuer.test',
  subject: 'sub-alice',
  name: 'alice',
  target: 'bank-db',
  verdict: 'allow',
  status: 'ok',
  rule: null,
  kinds: ['select'],
  relations: [],
  masked: [],
  rows: 1,
  text: HOSTILE,
};

let cast = CAST;
let approvals: ApprovalInfo[] = [];
let gateway: FakeGateway;
let home: CliHome;
let env: Record<string, string>;

beforeAll(async () => {
  const authority = await makeAuthority();
  home = await makeHome();
  await home.program('interrupted', INTERRUPTED);
  gateway = await startFakeGateway({
    certificate: await authority.issue(),
    targets: [lineTarget('bank-db'), lineTarget('vault', { reachable: false, reasons: ['only dba'] })],
    approvals: () => approvals,
    operations: [FOUND],
    exported: () => cast,
  });
  await home.trust(gateway.port, authority.ca);
  env = { ...home.env, GW_GATEWAY: gateway.url, GW_ID_TOKEN: tokenFor('alice'), TERM: 'xterm' };
});

afterAll(async () => {
  await gateway.close();
  await home.remove();
});

interface Terminal {
  readonly child: ChildProcess;
  readonly code: Promise<number | null>;
  text(): string;
  has(wanted: string): Promise<void>;
}

function terminal(argv: readonly string[], more: Readonly<Record<string, string>> = {}): Terminal {
  // `exec`: otherwise the shell between would report its own interrupt instead of the exit code.
  const line = ['exec', process.execPath, join(ROOT, 'bin', 'run.js'), ...argv].map((word, index) => (index === 0 ? word : `'${word}'`)).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], {
    env: { ...env, ...more },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    for (const listener of listeners) listener();
  });
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    child,
    code,
    text: () => text,
    has: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (text.includes(wanted)) resolve();
        };
        listeners.add(look);
        look();
        void code.then((value) => reject(new Error(`ended with ${value} without "${wanted}": ${text}`)));
      }),
  };
}

describe('at a terminal', () => {
  it('Ctrl-C belongs to the program: it gets one, and gw stays until the program ends', async () => {
    const tty = terminal(['exec', 'bank-db', '--', 'interrupted']);
    await tty.has('prompt>');
    tty.child.stdin?.write('\u0003');
    await tty.has('interrupted 1');
    tty.child.stdin?.write('\u0003');
    await tty.has('interrupted 2');
    tty.child.stdin?.write('quit\n');
    expect(await tty.code).toBe(7);
    expect(tty.text()).not.toContain('interrupted 3');
  });

  it('rows are a table, coloured unless NO_COLOR is set', async () => {
    const coloured = terminal(['ls']);
    expect(await coloured.code).toBe(0);
    expect(coloured.text()).toMatch(/NAME +KIND +REACHABLE/);
    expect(coloured.text()).toContain('\u001b[2m');
    const plain = terminal(['ls'], { NO_COLOR: '1' });
    expect(await plain.code).toBe(0);
    expect(plain.text()).not.toContain('\u001b[');
    expect(plain.text()).toContain('only dba');
  });

  it.each([['--json'], ['-o', 'json'], ['-o', 'ndjson'], ['-o', 'csv'], ['-o', 'yaml'], []])('nothing recorded acts on it: %s %s', async (...argv) => {
    const cli = terminal(['sessions', 'search', 'word', ...argv], { NO_COLOR: '1' });
    expect(await cli.code).toBe(0);
    expect(cli.text()).toContain('owned');
    expect(cli.text().replaceAll('\r\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    if (argv.join() === '-o,ndjson') expect(JSON.parse(cli.text().split('\r\n')[0] ?? '')).toMatchObject({ text: HOSTILE });
  });
});

describe('gw sessions play', () => {
  it('waits as long as it was, pauses, goes to the next operation, ends on q, and gives the terminal nothing recorded to act on', async () => {
    const cli = terminal(['sessions', 'play', 'ses_1']);
    await cli.has('head');
    cli.child.stdin?.write(' ');
    await cli.has('[paused at 0:0');
    expect(cli.text()).not.toContain('the second');
    cli.child.stdin?.write('n');
    await cli.has('the second');
    cli.child.stdin?.write(' ');
    await cli.has('[playing at 60:0');
    expect(cli.text()).not.toContain('the end');
    cli.child.stdin?.write('q');
    expect(await cli.code).toBe(0);
    expect(cli.text()).not.toContain('owned');
    expect(cli.text()).not.toContain('the end');
  });

  it('skips what is idle, and ends by itself', async () => {
    const cli = terminal(['sessions', 'play', 'ses_1', '--skip-idle', '10ms', '--speed', '64']);
    expect(await cli.code).toBe(0);
    expect(cli.text()).toMatch(/head[^\n]*\r\nthe second\r\nthe end\r\n/);
  });

  it.each(['SIGINT', 'SIGKILL'] as const)('has a file without a name for a long one, which %s takes along', async (signal) => {
    cast = LONG_CAST;
    const cli = terminal(['sessions', 'play', 'ses_1']);
    await cli.has('Reading the recording … 40 MiB');
    await cli.has('head');
    cast = CAST;
    const state = join(home.folder, 'state', 'gw');
    const [reader, ...others] = await readersOf(join(state, 'replay-'));
    expect(others).toEqual([]);
    expect((await readdir(state)).filter((name) => name.startsWith('replay'))).toEqual([]);
    process.kill(Number(reader), signal);
    await cli.code;
    expect(await readersOf(join(state, 'replay-'))).toEqual([]);
    expect((await readdir(state)).filter((name) => name.startsWith('replay'))).toEqual([]);
  });
});

/** Processes that have a file open whose path begins so. */
async function readersOf(path: string): Promise<string[]> {
  const found: string[] = [];
  for (const id of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const files = await readdir(`/proc/${id}/fd`).catch(() => []);
    const targets = await Promise.all(files.map((file) => readlink(`/proc/${id}/fd/${file}`).catch(() => '')));
    if (targets.some((target) => target.startsWith(path))) found.push(id);
  }
  return found;
}

describe('gw approve', () => {
  it('is a live list; a number shows the whole request, nothing is approved by Enter, and an approval is for what was shown', async () => {
    approvals = [];
    const cli = terminal(['approve']);
    await cli.has('Nothing waits for you');
    approvals = [approvalInfo({ confirmTarget: true, tier: 'critical' })];
    await cli.has('apr_1');
    await cli.has('Number to look at');
    cli.child.stdin?.write('1\n');
    await cli.has('deletes from ledger.entries');
    await cli.has('approve, deny, or skip?');
    const before = gateway.requests.length;
    const asked = (times: number): Promise<void> => eventually(`asked ${times} times`, () => cli.text().split('approve, deny, or skip?').length > times);
    cli.child.stdin?.write('\n');
    await asked(2);
    cli.child.stdin?.write('approve\n');
    await cli.has('Type the name of the target');
    cli.child.stdin?.write('bank\n');
    await cli.has('nothing was approved');
    expect(gateway.requests.slice(before).filter(({ method }) => method === 'POST')).toEqual([]);
    await asked(3);
    cli.child.stdin?.write('approve\n');
    await eventually('the name is asked for again', () => cli.text().split('Type the name of the target').length > 2);
    cli.child.stdin?.write('bank-db\n');
    await cli.has('Approved apr_1');
    expect(gateway.requests.find(({ path }) => path.endsWith('/approve'))?.body).toEqual({ digest: 'sha256:shown', target: 'bank-db', reason: '' });
    await eventually('the list is there again', () => cli.text().split('Number to look at').length > 2);
    cli.child.stdin?.write('q\n');
    expect(await cli.code).toBe(0);
  });
});
