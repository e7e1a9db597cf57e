/** `gw approve` at a terminal: the live list, and how each of its questions is left. The real CLI on a terminal of its own, against the contract. */
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { ApprovalInfo } from '../../src/contract/api-types.js';
import { ROOT } from '../support/build-cli.js';
import { approvalInfo, type FakeGateway, lineTarget, startFakeGateway } from '../support/fake-gateway.js';
import { type CliHome, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority } from '../support/test-authority.js';

let gateway: FakeGateway;
let home: CliHome;
let env: Record<string, string>;
let approvals: ApprovalInfo[] = [];

beforeAll(async () => {
  const authority = await makeAuthority();
  home = await makeHome();
  gateway = await startFakeGateway({ certificate: await authority.issue(), targets: [lineTarget('bank-db')], approvals: () => approvals });
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

const decisions = () => gateway.requests.filter(({ method }) => method === 'POST');

/** Types the next answer each time the screen shows, after the last one, what it answers. */
async function atTerminal(argv: readonly string[], answers: readonly (readonly [question: string, answer: string | (() => void)])[]) {
  const pty = spawn(process.execPath, [join(ROOT, 'bin/run.js'), ...argv], { cols: 120, rows: 40, cwd: home.folder, env: { ...home.env, ...env } });
  const left = [...answers];
  let [screen, unread] = ['', ''];
  pty.onData((data) => {
    screen += data;
    unread += data;
    for (let [next] = left; next !== undefined && unread.includes(next[0]); [next] = left) {
      unread = unread.slice(unread.indexOf(next[0]) + next[0].length);
      left.shift();
      if (typeof next[1] === 'string') pty.write(next[1]);
      else next[1]();
    }
  });
  const { exitCode, signal } = await new Promise<{ exitCode: number; signal?: number }>((resolve) => pty.onExit(resolve));
  expect(left, screen).toEqual([]);
  return { exitCode, signal, screen };
}

const [CTRL_C, CTRL_D] = ['\u0003', '\u0004'];
const LIST = 'Number to look at';
const DECIDE = 'approve, deny, or skip? ';

it('the live list stays silent about itself, however often it changes', async () => {
  const more = (): void => void (approvals = [...approvals, approvalInfo({ id: `apr_${approvals.length + 1}` })]);
  const { exitCode, screen } = await atTerminal(['approve'], [...Array.from({ length: 14 }, () => [LIST, more] as const), [LIST, 'q\r']]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain('apr_15');
  expect(screen).not.toContain('Warning');
});

it.each([
  [
    'a request in the list',
    ['approve'],
    [
      [LIST, '1\r'],
      [DECIDE, CTRL_D],
    ],
  ],
  ['the list', ['approve'], [[LIST, CTRL_D]]],
  ['a request', ['approve', 'apr_1'], [[DECIDE, CTRL_D]]],
  [
    'the reason of a denial',
    ['approve', 'apr_1'],
    [
      [DECIDE, 'deny\r'],
      ['Why? ', CTRL_D],
    ],
  ],
] as const)('Ctrl-D at %s leaves, and decides nothing', async (_, argv, answers) => {
  const before = decisions().length;
  const { exitCode, signal, screen } = await atTerminal(argv, answers);
  expect([exitCode, signal], screen).toEqual([0, 0]);
  expect(screen).not.toContain('error');
  expect(decisions()).toHaveLength(before);
});

it.each([
  [
    'a request in the list',
    ['approve'],
    [
      [LIST, '1\r'],
      [DECIDE, CTRL_C],
    ],
  ],
  ['a request', ['approve', 'apr_1'], [[DECIDE, CTRL_C]]],
] as const)('Ctrl-C at %s ends the program as a signal does, and decides nothing', async (_, argv, answers) => {
  const before = decisions().length;
  const { signal, screen } = await atTerminal(argv, answers);
  expect(signal, screen).toBe(2);
  expect(screen).not.toContain('error');
  expect(decisions()).toHaveLength(before);
});

it('a yes to break-glass access is a review, and is called so', async () => {
  approvals = [approvalInfo({ kind: 'break_glass', state: 'expired' })];
  const { exitCode, screen } = await atTerminal(['approve', 'apr_1'], [[DECIDE, 'approve\r']]);
  expect(exitCode).toBe(0);
  expect(screen).toContain('Accepted apr_1');
});
