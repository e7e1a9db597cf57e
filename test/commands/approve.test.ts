/** `gw approve`, `gw deny`, `gw request`, `gw grants`, and how `gw exec` ends when nobody approved: the real CLI against the contract. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ApprovalInfo, ApprovalList } from '../../src/contract/api-types.js';
import { approvalInfo, type FakeGateway, lineTarget, startFakeGateway } from '../support/fake-gateway.js';
import { LINE_CLIENT } from '../support/line-client.js';
import { type CliHome, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority } from '../support/test-authority.js';

let gateway: FakeGateway;
let home: CliHome;
let env: Record<string, string>;
let approvals: ApprovalInfo[] = [];

beforeAll(async () => {
  const authority = await makeAuthority();
  home = await makeHome();
  await home.program('gwt-client', LINE_CLIENT);
  gateway = await startFakeGateway({
    certificate: await authority.issue(),
    targets: [lineTarget('bank-db')],
    approvals: () => approvals,
    tunnel: (hello) =>
      hello.wait === 0 && hello.ticket === 'refuse'
        ? { ok: false, code: 'approval.pending', message: 'apr_1 waits.', hint: '' }
        : { ok: true, session: 'ses_bank-db' },
  });
  await home.trust(gateway.port, authority.ca);
  env = { GW_GATEWAY: gateway.url, GW_ID_TOKEN: tokenFor('bob') };
});
beforeEach(() => {
  approvals = [approvalInfo()];
});
afterAll(async () => {
  await gateway?.close();
  await home?.remove();
});

const last = () => gateway.requests.at(-1);

describe('gw approve', () => {
  it('lists what waits, as data in a pipe', async () => {
    const result = await home.run(['approve', '--json'], { env });
    expect((JSON.parse(result.stdout) as ApprovalList).requests[0]).toMatchObject({ id: 'apr_1', requester: { name: 'alice' } });
    expect(last()?.path).toBe('/api/v1/requests?for=me');
    expect((await home.run(['approve'], { env })).stdout).toMatch(/^apr_1\tpending\talice\tbank-db\thigh\tdelete from ledger\.entries/);
  });

  it('approves with --yes for the digest of what the request says', async () => {
    const result = await home.run(['approve', 'apr_1', '--yes', '--json', '--reason', 'seen'], { env });
    expect(JSON.parse(result.stdout)).toMatchObject({ id: 'apr_1', state: 'approved' });
    expect(last()).toMatchObject({ method: 'POST', path: '/api/v1/requests/apr_1/approve', body: { digest: 'sha256:shown', target: null, reason: 'seen' } });
  });

  it('does not approve without a question and without --yes', async () => {
    const before = gateway.requests.length;
    const result = await home.run(['approve', 'apr_1'], { env });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('--yes');
    expect(gateway.requests.slice(before).every(({ method }) => method === 'GET')).toBe(true);
  });

  it('of the highest tier needs the name of the target', async () => {
    approvals = [approvalInfo({ confirmTarget: true, tier: 'critical' })];
    expect(await home.run(['approve', 'apr_1', '--yes'], { env })).toMatchObject({ code: 2, stderr: expect.stringContaining('--target') as string });
    expect(await home.run(['approve', 'apr_1', '--yes', '--target', 'bank-db'], { env })).toMatchObject({ code: 0 });
  });

  it('says that there is no such request', async () => {
    expect(await home.run(['approve', 'apr_2', '--yes'], { env })).toMatchObject({ code: 1 });
  });
});

describe('gw deny, gw request, gw grants', () => {
  it('deny needs a reason, and tells it', async () => {
    expect((await home.run(['deny', 'apr_1'], { env })).code).toBe(2);
    expect(await home.run(['deny', 'apr_1', '--reason', 'no'], { env })).toMatchObject({ code: 0, stderr: expect.stringContaining('Denied apr_1.') as string });
    expect(last()?.body).toEqual({ reason: 'no' });
  });

  it('request show prints everything that a decision rests on, and nothing of it moves the cursor (redteam 6h)', async () => {
    const hostile = 'delete from t\u001b[2J where \u202e1=1';
    const operation = approvals[0]?.operation;
    if (operation === null || operation === undefined) throw new Error('no operation');
    approvals = [approvalInfo({ reason: 'please\u001b]0;x\u0007 approve', operation: { ...operation, text: hostile } })];
    const { stdout } = await home.run(['request', 'show', 'apr_1'], { env });
    for (const text of ['alice (person)', 'bank-db, bank', 'bank/writes', 'deletes from ledger.entries', 'about 3 rows', "$1 = '42'", '1 of dba'])
      expect(stdout).toContain(text);
    expect(stdout).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202e]/);
    expect(stdout).toContain('\\u{1b}[2J');
  });

  it('request create sends the exact text, and the time in seconds', async () => {
    const result = await home.run(['request', 'create', 'bank-db', '--for', '1h', '--statement', ' delete from t;\n', '--reason', 'x'], { env });
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('apr_1 waits for dba') as string });
    expect(last()?.body).toEqual({ target: 'bank-db', for: 3_600, statement: ' delete from t;\n', reason: 'x' });
    expect((await home.run(['request', 'create', 'bank-db', '--for', 'soon', '--reason', 'x'], { env })).code).toBe(2);
  });

  it('request create refuses a statement file that is not there or is not UTF-8, and asks nothing', async () => {
    const latin = join(home.folder, 'latin.sql');
    await writeFile(latin, Buffer.from([0x73, 0xe9]));
    const before = last();
    for (const [file, why] of [
      [join(home.folder, 'none.sql'), 'there is no such file'],
      [latin, 'not UTF-8'],
    ] as const) {
      const result = await home.run(['request', 'create', 'bank-db', '--statement', `@${file}`, '--reason', 'x'], { env });
      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(result.stderr).toContain(file);
      expect(result.stderr).toContain(why);
    }
    expect(last()).toBe(before);
  });

  it('request ls, cancel, grants ls and revoke call what they say', async () => {
    await home.run(['request', 'ls', '--state', 'pending', '--state', 'denied'], { env });
    expect(last()?.path).toBe('/api/v1/requests?for=mine&state=pending&state=denied&limit=50');
    await home.run(['request', 'cancel', 'apr_1'], { env });
    expect(last()?.path).toBe('/api/v1/requests/apr_1/cancel');
    await home.run(['grants', 'ls', '--all'], { env });
    expect(last()?.path).toBe('/api/v1/grants?for=all');
    await home.run(['grants', 'revoke', 'apr_1', '--reason', 'done'], { env });
    expect(last()).toMatchObject({ path: '/api/v1/grants/apr_1/revoke', body: { reason: 'done' } });
  });
});

describe('gw exec and gw connect', () => {
  const exec = (flags: readonly string[], code: number) =>
    home.run(
      [
        'exec',
        'bank-db',
        ...flags,
        '--',
        process.execPath,
        '-e',
        `require('net').connect(process.env.GWT_PORT, '127.0.0.1', function () { this.write('SECRET ' + process.env.GWT_SECRET + '\\nx\\n'); }).on('data', () => process.exit(${code})).on('close', () => process.exit(1))`,
      ],
      { env },
    );

  it('say how they want to be asked for', async () => {
    approvals = [];
    await exec(['--reason', 'r', '--ticket', 'T-1'], 0);
    expect(gateway.hellos.at(-1)).toMatchObject({ reason: 'r', ticket: 'T-1', wait: null, breakGlass: false });
    await exec(['--wait=30m'], 0);
    expect(gateway.hellos.at(-1)).toMatchObject({ wait: 1_800_000 });
    await exec(['--wait'], 0);
    expect(gateway.hellos.at(-1)).toMatchObject({ wait: null });
    await exec(['--no-wait'], 0);
    expect(gateway.hellos.at(-1)).toMatchObject({ wait: 0 });
    await exec(['--break-glass', '--reason', 'production is down'], 0);
    expect(gateway.hellos.at(-1)).toMatchObject({ breakGlass: true, reason: 'production is down' });
    expect((await exec(['--break-glass'], 0)).code).toBe(2);
    expect((await exec(['--wait=soon'], 0)).code).toBe(2);
  });

  it.each([
    ['pending', 5],
    ['denied', 6],
    ['expired', 6],
  ] as const)('a command that failed because its request is %s ends with %i', async (state, code) => {
    approvals = [approvalInfo({ state, ended: state === 'pending' ? null : { by: 'carol', at: new Date().toISOString(), why: 'no' } })];
    const result = await exec(['--no-wait'], 1);
    expect(result.code).toBe(code);
    expect(result.stderr).toContain('apr_1');
    expect(gateway.requests.at(-1)?.path).toContain('session=ses_bank-db');
  });

  it('a command that succeeds, or failed by itself, keeps its own code', async () => {
    expect((await exec([], 0)).code).toBe(0);
    approvals = [approvalInfo({ state: 'used' })];
    expect((await exec([], 42)).code).toBe(42);
    approvals = [];
    expect((await exec([], 42)).code).toBe(42);
  });

  it('a connection that waits, and may not, ends with 5', async () => {
    const result = await exec(['--no-wait', '--ticket', 'refuse'], 1);
    expect(result.code).toBe(5);
  });
});
