/** Recorded sessions against a candidate policy: who would not be let in as the account that they had, and as what they could be instead. */
import { describe, expect, it } from 'vitest';
import type { RecordedDecision } from '../../src/contract/decision.js';
import type { SimulatedConnections } from '../../src/contract/policy-types.js';
import type { SessionStart } from '../../src/contract/recording.js';
import { loadPolicy, replayClock, Simulation } from '../../src/policy/index.js';
import { recordedAllow, start } from '../recording/session-fixture.js';
import { bankDb, effect, protocols } from './fixture-protocols.js';

const TERMS = { expiresInMs: 60_000, tier: null, confirmTarget: false, grantMs: null, breakGlassMs: null } as const;

const targets = new Map(
  [
    { name: 'web-1', protocol: 'shell', labels: {}, account: 'gwd', accounts: 'named' as const },
    { name: 'web-2', protocol: 'shell', labels: {}, account: 'gwd', accounts: 'own' as const },
  ].map((target) => [target.name, target]),
);

/** People let it be. */
const approved: RecordedDecision = {
  ...recordedAllow,
  approval: { approvers: [{ rule: 'p/ask', groups: ['dba'], quorum: 1 }], groups: ['dba'], quorum: 1, ...TERMS },
};

function session(id: string, { account, ...more }: Partial<SessionStart> = {}): SessionStart {
  const begin = start(id);
  const identity = { ...begin.identity, email: 'alice@example.com' };
  return { ...begin, identity, target: 'web-1', protocol: 'shell', ...more, ...(account === undefined ? {} : { account }) };
}

function simulate(rules: string, ...sessions: readonly SessionStart[]): SimulatedConnections {
  const clock = replayClock();
  const policy = loadPolicy([{ path: 'p.yaml', text: `version: 1\nrules:\n${rules}` }], protocols, { clock });
  const simulation = new Simulation(policy, clock, (name) => targets.get(name));
  for (const each of sessions) simulation.begun(simulation.session(each));
  return simulation.report(0, 1).connections;
}

const PLAIN = '  - { id: plain, effect: allow, actions: [connect] }\n';
const DEPLOY = '  - { id: deploy, effect: allow, actions: [connect], as: [deploy, "{{subject.local}}"] }\n';
const NO_DEPLOY = '  - { id: no-deploy, effect: deny, actions: [connect], as: [deploy] }\n';

describe('connections of a simulation', () => {
  it('stay as they were where the account may still be had', () => {
    const all = [session('ses_1'), session('ses_2', { account: 'gwd' }), session('ses_3', { account: 'deploy' }), session('ses_4', { account: 'alice' })];
    expect(simulate(PLAIN + DEPLOY, ...all)).toEqual({ sessions: 4, skipped: 0, changed: 0, groups: [], changes: [], more: false });
  });

  it('show whose account is refused, by which rule, and as what they could be instead', () => {
    const { changed, groups, changes } = simulate(PLAIN + DEPLOY + NO_DEPLOY, session('ses_1', { account: 'deploy' }), session('ses_2'));
    expect(changed).toBe(1);
    expect(groups).toMatchObject([{ before: 'allow by base/read as deploy', after: 'deny by p/no-deploy as deploy', count: 1, example: { session: 'ses_1' } }]);
    expect(changes).toEqual([
      {
        session: 'ses_1',
        at: new Date(start('x').startedAt).toISOString(),
        who: 'alice',
        target: 'web-1',
        account: 'deploy',
        before: { effect: 'allow', rule: 'base/read' },
        after: { effect: 'deny', rule: 'p/no-deploy', reasons: [expect.any(String)], accounts: ['gwd', 'alice'] },
      },
    ]);
  });

  it('show who had the account of the configuration and would have others only, or none', () => {
    expect(simulate(DEPLOY, session('ses_1'), session('ses_2', { account: 'gwd' })).changes).toMatchObject([
      { session: 'ses_1', account: null, after: { effect: 'deny', rule: null, accounts: ['deploy', 'alice'] } },
      { session: 'ses_2', account: null, after: { effect: 'deny', rule: null, accounts: ['deploy', 'alice'] } },
    ]);
    expect(simulate('  - { id: no, effect: deny, actions: [connect] }\n', session('ses_1')).changes).toMatchObject([
      { before: { effect: 'allow' }, after: { effect: 'deny', rule: 'p/no', accounts: [] } },
    ]);
    // A target that is logged in to with a password has one account.
    expect(simulate(PLAIN + DEPLOY, session('ses_1', { target: 'web-2', account: 'deploy' })).changes).toMatchObject([
      { account: 'deploy', after: { effect: 'deny', accounts: ['gwd'] } },
    ]);
  });

  it('show who would have to ask, and who would no more', () => {
    const asking = `${PLAIN}  - { id: ask, effect: require_approval, actions: [connect], as: [deploy], approval: { groups: [dba] } }\n`;
    expect(simulate(asking, session('ses_1', { account: 'deploy' })).changes).toMatchObject([
      { before: { effect: 'allow' }, after: { effect: 'require_approval', rule: 'p/ask', accounts: ['gwd', 'deploy'] } },
    ]);
    // What people let be is recorded as allowed, with what was asked of them.
    const asked = session('ses_2', { account: 'deploy', decision: approved });
    expect(simulate(asking, asked).changed).toBe(0);
    expect(simulate(DEPLOY, asked).changes).toMatchObject([{ before: { effect: 'require_approval' }, after: { effect: 'allow' } }]);
  });

  it('are decided at the time of the session, and count those whose target is gone', () => {
    const nights = '  - { id: nights, effect: allow, actions: [connect], during: { hours: "00:00-06:00", zone: UTC } }\n';
    const at = (hour: number): Partial<SessionStart> => ({ startedAt: Date.UTC(2026, 9, 1, hour) });
    const { changes, sessions, skipped } = simulate(nights, session('ses_1', at(3)), session('ses_2', at(12)), session('ses_3', { target: 'gone' }));
    expect([changes.map((each) => each.session), sessions, skipped]).toEqual([['ses_2'], 3, 1]);
  });
});

it('an operation that people let be, or did not, is no change while policy asks them', () => {
  const clock = replayClock();
  const asking = 'version: 1\nrules: [{ id: ask, effect: require_approval, actions: [select], approval: { groups: [dba] } }]\n';
  const policy = loadPolicy([{ path: 'p.yaml', text: asking }], protocols, { clock });
  const simulation = new Simulation(policy, clock, (name) => (name === bankDb.name ? bankDb : undefined));
  const replay = simulation.session(start('ses_1'));
  for (const [index, decision] of [approved, { ...approved, effect: 'deny' as const }, recordedAllow].entries())
    simulation.operation(replay, {
      sequence: index + 1,
      time: start('x').startedAt,
      facts: { effects: [effect('select', 'bank.customers')], unknown: [], summary: 'reads', redacted: null },
      decision,
      text: () => 'select 1',
    });
  expect(simulation.report(0, 1)).toMatchObject({
    operations: 3,
    changed: 1,
    changes: [{ sequence: 3, before: { effect: 'allow' }, after: { effect: 'require_approval' } }],
  });
});
