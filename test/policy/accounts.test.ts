/** `as`: as which accounts of a target a session is opened; who may choose, and that nobody becomes one by chance or by a trick of a name. */

import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/contract/decision.js';
import type { Identity } from '../../src/contract/identity.js';
import { loadPolicyGently } from '../../src/policy/gentle-load.js';
import { loadPolicy } from '../../src/policy/index.js';
import { fc } from '../support/fast-check.js';
import { bankDb, identity, protocols } from './fixture-protocols.js';

const text = (rules: string) => [{ path: 'p.yaml', text: `version: 1\nrules:\n${rules}` }];
const load = (rules: string) => loadPolicy(text(rules), protocols);
const web = { name: 'web-1', protocol: 'shell', labels: {}, account: 'gwd' };
const view = (rules: string, who: Partial<Identity> = {}, target: object = {}) => load(rules).view(identity(who), { ...web, ...target });
const connect = (rules: string, account?: string, who: Partial<Identity> = {}, target: object = {}): Decision => view(rules, who, target).connect(account);
const said = ({ effect, account, rule }: Decision) => [effect, account ?? null, rule];

const PLAIN = '  - { id: plain, effect: allow, actions: [connect] }\n';
const DEPLOY = '  - { id: deploy, effect: allow, actions: [connect], as: [deploy] }\n';
const TWO = '  - { id: two, effect: allow, actions: [connect], as: [deploy, backup] }\n';
const OWN_NAME = '  - { id: self, effect: allow, actions: [connect], as: ["{{subject.local}}"] }\n';
const NO_ROOT = '  - { id: no-root, effect: deny, actions: [connect], as: [root] }\n';
const ASK_ROOT = '  - { id: ask-root, effect: require_approval, actions: [connect], as: [root], approval: { groups: [dba] } }\n';

describe('as', () => {
  it('left out, an allow rule is about the account of the configuration and no other', () => {
    expect(said(connect(PLAIN))).toEqual(['allow', null, 'p/plain']);
    expect(said(connect(PLAIN, 'gwd'))).toEqual(['allow', null, 'p/plain']);
    expect(said(connect(PLAIN, 'root'))).toEqual(['deny', null, null]);
  });

  it('names who may be what: asked for, or the only one', () => {
    expect(said(connect(DEPLOY))).toEqual(['allow', 'deploy', 'p/deploy']);
    expect(said(connect(DEPLOY, 'deploy'))).toEqual(['allow', 'deploy', 'p/deploy']);
    expect(said(connect(DEPLOY, 'gwd'))).toEqual(['deny', null, null]);
    expect(said(connect(DEPLOY, 'Deploy'))).toEqual(['deny', null, null]);
    expect(said(connect(PLAIN + DEPLOY))).toEqual(['allow', null, 'p/plain']);
    expect(said(connect(PLAIN + DEPLOY, 'deploy'))).toEqual(['allow', 'deploy', 'p/deploy']);
    expect(view(PLAIN + TWO).accounts()).toEqual(['deploy', 'backup']);
  });

  it('with several and none named is refused, and says which there are', () => {
    const decision = connect(TWO);
    expect(said(decision)).toEqual(['deny', null, null]);
    expect(decision.reasons[0]).toBe('several accounts of web-1 are possible (deploy, backup), and none was named');
    expect(decision.hint).toContain('--as ACCOUNT');
  });

  it('may name the account of the configuration itself', () => {
    const own = '  - { id: own, effect: allow, actions: [connect], as: [gwd] }\n';
    expect(said(connect(own))).toEqual(['allow', 'gwd', 'p/own']);
    expect(said(connect(own, 'gwd'))).toEqual(['allow', 'gwd', 'p/own']);
    expect(view(own).accounts()).toEqual([]);
  });

  it('in a rule that restricts is about these, and without it the rule is about all', () => {
    const both = '  - { id: both, effect: allow, actions: [connect], as: [deploy, root] }\n';
    expect(said(connect(both + NO_ROOT, 'root'))).toEqual(['deny', null, 'p/no-root']);
    expect(said(connect(both + NO_ROOT))).toEqual(['allow', 'deploy', 'p/both']);
    expect(view(both + NO_ROOT).accounts()).toEqual(['deploy']);
    const closed = '  - { id: closed, effect: deny, actions: [connect] }\n';
    expect(said(connect(both + closed, 'deploy'))).toEqual(['deny', null, 'p/closed']);
    expect(said(connect(both + ASK_ROOT, 'root'))).toEqual(['require_approval', 'root', 'p/ask-root']);
    expect(said(connect(both + ASK_ROOT, 'deploy'))).toEqual(['allow', 'deploy', 'p/both']);
    expect(said(connect(ASK_ROOT))).toEqual(['require_approval', 'root', 'p/ask-root']);
  });

  it('is not opened by a rule that only asks, without naming accounts', () => {
    const ask = '  - { id: ask, effect: require_approval, actions: [connect], approval: { groups: [dba] } }\n';
    expect(said(connect(ask, 'root'))[0]).toBe('deny');
    expect(said(connect(ask + DEPLOY, 'deploy'))).toEqual(['require_approval', 'deploy', 'p/ask']);
    expect(said(connect(ask))).toEqual(['require_approval', null, 'p/ask']);
  });

  it('keeps what other rules want: a recording, a tier', () => {
    const recorded = '  - { id: recorded, effect: allow, actions: [connect], record: client, tier: high }\n';
    expect(connect(recorded + DEPLOY, 'deploy')).toMatchObject({ effect: 'allow', account: 'deploy', record: 'client', tier: 'high' });
  });

  it('is made from who asks: the verified address, the subject, a claim', () => {
    expect(said(connect(OWN_NAME))).toEqual(['allow', 'alice', 'p/self']);
    expect(said(connect(OWN_NAME, undefined, { emailVerified: false }))[0]).toBe('deny');
    expect(said(connect(OWN_NAME, undefined, { email: null }))[0]).toBe('deny');
    expect(
      said(connect('  - { id: c, effect: allow, actions: [connect], as: ["svc-{{subject.claims.unix}}"] }\n', undefined, { claims: { unix: 'ann' } })),
    ).toEqual(['allow', 'svc-ann', 'p/c']);
    expect(said(connect('  - { id: i, effect: allow, actions: [connect], as: ["{{ subject.id }}"] }\n'))).toEqual(['allow', 'u-alice', 'p/i']);
  });

  it('does not share what was decided for one person with another', () => {
    const set = load(OWN_NAME);
    const of = (email: string) => set.view(identity({ email, subject: 'same' }), web).connect().account;
    expect([of('ann@bank.example'), of('bob@bank.example')]).toEqual(['ann', 'bob']);
    const claims = load('  - { id: c, effect: allow, actions: [connect], as: ["{{subject.claims.unix}}"] }\n');
    expect(['ann', 'bob'].map((unix) => claims.view(identity({ claims: { unix } }), web).connect().account)).toEqual(['ann', 'bob']);
  });

  it.each(['root', 'deploy', 'gwd'])('by an address makes nobody %s: a rule, the target or the system names it as such', (name) => {
    const email = `${name}@bank.example`;
    const policy = `${OWN_NAME}  - { id: ops, effect: allow, actions: [connect], as: [deploy], subjects: { groups: [ops] } }\n`;
    expect(view(policy, { email }).accounts()).toEqual([]);
    expect(connect(policy, name, { email }).effect).toBe('deny');
  });

  it('takes no tricks with names (redteam 6e, CVE-2026-35414)', () => {
    const tricks = [
      'a,root',
      'root,',
      ' root',
      'root ',
      'a b',
      '*',
      'r*',
      '-oProxyCommand=x',
      '../root',
      'root\n',
      'root\0',
      'a@b',
      'a+b',
      'a:b',
      '.x',
      'ro​ot',
      'rооt',
      'x'.repeat(65),
    ];
    for (const name of tricks) {
      expect(connect(OWN_NAME, undefined, { email: `${name}@bank.example` }).effect, name).toBe('deny');
      expect(connect(PLAIN + OWN_NAME, name).effect, name).toBe('deny');
      expect(() => load(`  - { id: t, effect: allow, actions: [connect], as: [${JSON.stringify(name)}] }\n`), name).toThrow(/is no account/);
    }
    const any = fc.string({ unit: 'grapheme', maxLength: 20 });
    fc.assert(
      fc.property(any, (local) => {
        const decision = connect(OWN_NAME, undefined, { email: `${local}@x` });
        return decision.effect === 'deny' || (decision.account === local && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(local));
      }),
    );
  });

  it('does not turn a denial by a person’s unverified address into nothing', () => {
    const deny = `${PLAIN}  - { id: no-self, effect: deny, actions: [connect], as: ["{{subject.local}}"] }\n  - { id: any, effect: allow, actions: [connect], as: [alice] }\n`;
    expect(said(connect(deny, 'alice', { emailVerified: false }))).toEqual(['deny', null, 'p/no-self']);
  });

  it('is refused where sessions have one account: by the protocol, and by a target whose credential is of one account', () => {
    expect(() => load('  - { id: x, effect: allow, actions: [connect], targets: { protocols: [sql] }, as: [app] }\n')).toThrow(/always opened as the account/);
    const decision = load(PLAIN + DEPLOY)
      .view(identity(), { ...bankDb, account: 'app' })
      .connect('deploy');
    expect(said(decision)).toEqual(['deny', null, null]);
    expect(decision.reasons[0]).toContain('always opened as the account of its configuration');
    expect(said(connect(DEPLOY, 'deploy', {}, { accounts: 'own' }))[0]).toBe('deny');
    expect(view(DEPLOY, {}, { accounts: 'own' }).accounts()).toEqual([]);
  });

  it.each([
    ['a rule for operations', '  - { id: x, effect: allow, actions: [run], as: [deploy] }\n', /names `connect`/],
    ['a rule for both', '  - { id: x, effect: allow, actions: [connect, run], as: [deploy] }\n', /a rule of its own/],
    ['an empty list', '  - { id: x, effect: allow, actions: [connect], as: [] }\n', /as/],
    ['another part of the subject', '  - { id: x, effect: allow, actions: [connect], as: ["{{subject.name}}"] }\n', /is no account/],
    ['two parts', '  - { id: x, effect: allow, actions: [connect], as: ["{{subject.id}}{{subject.id}}"] }\n', /is no account/],
    ['a frame that is no name', '  - { id: x, effect: allow, actions: [connect], as: ["a,{{subject.id}}"] }\n', /is no account/],
  ])('cannot stand in %s', (_what, rules, message) => {
    expect(() => load(rules)).toThrow(message);
  });

  it('is explained: which rules are about the account, and which about others', () => {
    const traces = (account: string | null) => load(PLAIN + DEPLOY + NO_ROOT).explain(identity(), web, null, account);
    const why = (account: string | null) => Object.fromEntries((traces(account).effects[0]?.rules ?? []).map(({ rule, applies }) => [rule, applies]));
    expect(traces('deploy').effects[0]?.what).toBe('connect to web-1 as deploy');
    expect(why('deploy')).toEqual({ 'p/plain': 'perhaps', 'p/deploy': 'yes', 'p/no-root': 'no' });
    expect(why('root')).toEqual({ 'p/plain': 'perhaps', 'p/deploy': 'no', 'p/no-root': 'yes' });
    expect(why(null)).toEqual({ 'p/plain': 'yes', 'p/deploy': 'no', 'p/no-root': 'no' });
  });

  it('is the same where the policy is loaded beside sessions', async () => {
    const set = await loadPolicyGently(text(OWN_NAME), protocols);
    expect(['ann', 'bob'].map((name) => set.view(identity({ email: `${name}@x` }), web).connect().account)).toEqual(['ann', 'bob']);
  });
});
