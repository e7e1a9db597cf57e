/** `gw sessions ls` over a real gateway with a history: every filter finds the sessions that it names and no others, together they must all hold, and --follow goes on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionList, SessionSummary } from '../../src/contract/api-types.js';
import { type EvidenceWorld, startEvidenceWorld } from '../evidence/evidence-world.js';
import { eventually } from '../store/state-server.js';
import type { CliHome } from '../support/run-cli.js';

let world: EvidenceWorld;
/** The sessions of the history, oldest first: alice, bob, fay, and the agent that acts for robot. */
let history: SessionSummary[];
/** Requests for approval by who asked. */
let requests: Record<string, string>;

beforeAll(async () => {
  world = await startEvidenceWorld(2);
  history = (await page()).sessions.toReversed();
  // What was written last is found as soon as a checkpoint covers it.
  await eventually('the requests are in the audit log', async () => {
    const steps = await world.gw('audit', 'search', '--kind', 'approval.hold', '--output', 'json');
    const entries = (JSON.parse(steps.stdout) as { entries: { data: { approval: string; requesterSubject: string } }[] }).entries;
    requests = Object.fromEntries(entries.map(({ data }) => [data.requesterSubject, data.approval]));
    return entries.length === 2;
  });
  // Operations are found a moment after they are over.
  await eventually('the history is indexed', async () => (await found('--relation', 'bank.customers')).length === 4);
}, 120_000);
afterAll(() => world?.close());

async function page(...argv: readonly string[]): Promise<SessionList> {
  const { code, stdout, stderr } = await world.gw('sessions', 'ls', ...argv, '--json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as SessionList;
}

/** Who had the sessions that are found, newest first. */
const found = async (...argv: readonly string[]): Promise<string[]> => (await page(...argv)).sessions.map(({ name }) => name);
const startOf = (name: string): string => history.find((each) => each.name === name)?.startedAt ?? '';

it('without a filter: all, newest first', async () => {
  expect(history.map(({ name }) => name)).toEqual(['alice', 'bob', 'fay', 'ci-runner']);
  const { sessions } = await page();
  expect(sessions.map(({ startedAt }) => startedAt)).toEqual(
    sessions
      .map(({ startedAt }) => startedAt)
      .toSorted()
      .toReversed(),
  );
});

describe('a filter', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['user', ['--name', 'bob'], ['bob']],
    ['user, in another case', ['--name', 'BOB'], ['bob']],
    ['target, in another case', ['--target', 'Bank-DB', '--name', 'Bob'], ['bob']],
    ['agent of somebody, in another case', ['--acting-for', 'SUB-robot'], ['ci-runner']],
    ['statement kind, in another case', ['--action', 'DROP'], ['alice']],
    ['user, unknown', ['--name', 'bo'], []],
    ['agent', ['--kind', 'agent'], ['ci-runner']],
    ['person', ['--kind', 'person'], ['fay', 'bob', 'alice']],
    ['on behalf of', ['--acting-for', 'sub-robot'], ['ci-runner']],
    ['on behalf of nobody', ['--acting-for', 'sub-alice'], []],
    ['target', ['--target', 'bank-db'], ['ci-runner', 'fay', 'bob', 'alice']],
    ['another target', ['--target', 'bank'], []],
    ['state', ['--state', 'ended'], ['ci-runner', 'fay', 'bob', 'alice']],
    ['state, live', ['--state', 'live'], []],
    ['verdict: refused', ['--verdict', 'deny'], ['bob', 'alice']],
    ['verdict: allowed', ['--verdict', 'allow'], ['ci-runner', 'fay', 'bob', 'alice']],
    // Whatever people said of it then.
    ['verdict: people were asked', ['--verdict', 'require_approval'], ['bob', 'alice']],
    ['verdict: people were asked, and it did not run', ['--verdict', 'require_approval', '--action', 'update'], []],
    ['statement kind: drop', ['--action', 'drop'], ['alice']],
    ['statement kind: update', ['--action', 'update'], ['bob']],
    ['statement kind: delete', ['--action', 'delete'], ['bob', 'alice']],
    ['relation', ['--relation', 'bank.customers'], ['ci-runner', 'fay', 'bob', 'alice']],
    ['relation in any schema', ['--relation', 'customers'], ['ci-runner', 'fay', 'bob', 'alice']],
    ['another relation', ['--relation', 'bank.customer'], []],
    ['masked class', ['--masked', 'pan'], ['alice']],
    ['class masked or seen in clear', ['--masked', 'ssn'], ['fay', 'alice']],
    ['approval: any', ['--approval', 'any'], ['bob', 'alice']],
    ['approval: used', ['--approval', 'used'], ['alice']],
    ['approval: denied', ['--approval', 'denied'], ['bob']],
    ['approval: expired', ['--approval', 'expired'], []],
    ['several: all must hold', ['--verdict', 'deny', '--action', 'drop', '--name', 'alice'], ['alice']],
    // alice has a refused operation and a delete; they are not the same one.
    ['several about operations: of one and the same', ['--verdict', 'deny', '--action', 'delete'], ['bob']],
    ['several, of which one does not hold', ['--masked', 'pan', '--name', 'bob'], []],
  ])('by %s', async (_what, argv, names) => {
    expect(await found(...argv)).toEqual(names);
  });

  it('by one request for approval', async () => {
    expect(await found('--approval', requests['sub-alice'] ?? '')).toEqual(['alice']);
    expect(await found('--approval', requests['sub-bob'] ?? '')).toEqual(['bob']);
    expect(await found('--approval', 'apr_00000000000000000000000000')).toEqual([]);
  });

  it('by time: since is in it, until is not', async () => {
    expect(await found('--since', startOf('fay'))).toEqual(['ci-runner', 'fay']);
    expect(await found('--until', startOf('fay'))).toEqual(['bob', 'alice']);
    expect(await found('--since', startOf('bob'), '--until', startOf('ci-runner'))).toEqual(['fay', 'bob']);
    expect(await found('--since', '1h')).toHaveLength(4);
    expect(await found('--until', '1h')).toEqual([]);
  });

  it('by page after page, without one twice or left out', async () => {
    const names: string[] = [];
    let before: string[] = [];
    for (let pages = 0; pages < 5; pages++) {
      const { sessions, next } = await page('--kind', 'person', '--limit', '2', ...before);
      names.push(...sessions.map(({ name }) => name));
      if (next === null) break;
      before = ['--before', next];
    }
    expect(names).toEqual(['fay', 'bob', 'alice']);
  });

  it.each([
    [['--kind', 'robot']],
    [['--state', 'gone']],
    [['--since', 'yesterday']],
    // Whose clock would it be?
    [['--since', '2026-11-21T08:00:00']],
    [['--verdict', 'perhaps']],
    [['--approval', 'perhaps']],
    [['--limit', '0']],
  ])('that does not exist is refused: %s', async (argv) => {
    expect((await world.gw('sessions', 'ls', ...argv)).code).toBe(2);
  });

  it.each([
    [['ls', '--approval', 'bogus'], /apr_….*pending, approved.* or any/],
    [['ls', '--action', 'frobnicate'], /no such action.*delete/su],
    [['ls', '--action', 'dlete'], /Did you mean delete\?/],
    [['search', 'kind:frobnicate'], /no such kind.*delete/su],
  ])('that does not exist is refused with what there is: %s', async (argv, words) => {
    const { code, stdout, stderr } = await world.gw('sessions', ...argv);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(words);
    expect(stderr).not.toContain('\\w');
  });

  it.each([
    ['ls', '--masked', 'nosuch'],
    ['search', 'masked:NoSuch'],
  ])('says that the policy knows no such class, which an earlier one may have: %s %s %s', async (...argv) => {
    const { code, stderr } = await world.gw('sessions', ...argv);
    expect([code, stderr]).toEqual([0, expect.stringContaining('knows no class of data "nosuch"')]);
  });

  it('says nothing of a class that nothing was masked by', async () => {
    expect(await world.gw('sessions', 'search', 'masked:iban')).toMatchObject({ code: 0, stderr: '' });
  });

  it('shows others to an auditor only: who is none sees no more than their own', async () => {
    const alice = { ...world.auditor, GW_ID_TOKEN: await world.world.token('alice') };
    const own = await world.home.run(['sessions', 'ls', '--relation', 'bank.customers', '--json'], { env: alice });
    expect((JSON.parse(own.stdout) as SessionList).sessions.map(({ name }) => name)).toEqual(['alice']);
    const others = await world.home.run(['sessions', 'ls', '--name', 'bob', '--json'], { env: alice });
    expect((JSON.parse(others.stdout) as SessionList).sessions).toEqual([]);
  });
});

/** `gw sessions ls --follow` at work, and who it has shown so far, with the state. */
function following(...flags: readonly string[]): { readonly cli: ReturnType<CliHome['start']>; readonly shown: () => string[][] } {
  const cli = world.home.start(['sessions', 'ls', ...flags, '--follow', '--output', 'ndjson'], { env: world.auditor });
  let text = '';
  cli.child.stdout?.on('data', (chunk) => (text += String(chunk)));
  const shown = (): string[][] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as SessionSummary)
      .map(({ name, state }) => [name, state]);
  return { cli, shown };
}

it('--follow shows what the filter finds, as it begins and again as it ends, and nothing else', async () => {
  const { cli, shown } = following('--kind', 'agent');
  const expected = [['ci-runner', 'ended']];
  await eventually('what was before is shown', () => shown().length === expected.length);
  const alice = await world.world.connect(world.gateway, await world.world.token('alice'));
  const agent = await world.world.connect(world.gateway, await world.world.token('robot', [], { act: { sub: 'night-agent', iss: world.world.issuer.url } }));
  expected.push(['night-agent', 'live']);
  await eventually('its begin is shown', () => shown().length === expected.length);
  await alice.end();
  await agent.end();
  expected.push(['night-agent', 'ended']);
  await eventually('its end is shown', () => shown().length === expected.length);
  cli.child.kill('SIGINT');
  expect((await cli.done).code).toBe(0);
  expect(shown()).toEqual(expected);
});

it('--follow of the live ones shows each as it begins, and as it ends', async () => {
  const before = await world.world.connect(world.gateway, await world.world.token('alice'));
  await eventually('it is live', async () => (await found('--state', 'live')).length === 1);
  const { cli, shown } = following('--state', 'live', '--limit', '1');
  await eventually('what is live is shown', () => shown().length === 1);
  const later = await world.world.connect(world.gateway, await world.world.token('bob'));
  await eventually('its begin is shown', () => shown().length === 2);
  await before.end();
  await eventually('the end of the first is shown', () => shown().length === 3);
  await later.end();
  await eventually('the end of the second is shown', () => shown().length === 4);
  cli.child.kill('SIGINT');
  expect((await cli.done).code).toBe(0);
  expect(shown()).toEqual([
    ['alice', 'live'],
    ['bob', 'live'],
    ['alice', 'ended'],
    ['bob', 'ended'],
  ]);
});
