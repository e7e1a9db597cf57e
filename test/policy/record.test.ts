/** `record: client`: where it can stand, and that nobody gets around it by a second rule that does not ask for it. */
import { describe, expect, it } from 'vitest';
import type { Identity } from '../../src/contract/identity.js';
import { loadPolicy } from '../../src/policy/index.js';
import { protocols } from '../../src/protocols/index.js';

const descriptors = protocols.map(({ descriptor }) => descriptor);
const load = (rules: string) => loadPolicy([{ path: 'p.yaml', text: `version: 1\nrules:\n${rules}` }], descriptors);
const alice: Identity = {
  issuer: 'https://issuer.test',
  subject: 'alice',
  kind: 'person',
  name: 'alice',
  email: null,
  emailVerified: false,
  groups: ['engineers'],
  onBehalfOf: null,
  claims: {},
  expiresAt: Number.MAX_SAFE_INTEGER,
};
const connect = (rules: string) =>
  load(rules)
    .view(alice, { name: 'bank-db', protocol: descriptors[0]?.kind ?? '', labels: {} })
    .connect();

const PLAIN = '  - { id: plain, effect: allow, actions: [connect] }\n';
const RECORDED = '  - { id: recorded, effect: allow, record: client, actions: [connect] }\n';

describe('record: client', () => {
  it('is in the decision, whichever rule comes first', () => {
    expect(connect(PLAIN).record).toBeUndefined();
    expect(connect(RECORDED)).toMatchObject({ effect: 'allow', record: 'client' });
    expect(connect(PLAIN + RECORDED)).toMatchObject({ effect: 'allow', record: 'client' });
    expect(connect(RECORDED + PLAIN)).toMatchObject({ effect: 'allow', record: 'client' });
    const asking = '  - { id: ask, effect: require_approval, record: client, actions: [connect], approval: { groups: [dba] } }\n';
    expect(connect(PLAIN + asking)).toMatchObject({ effect: 'require_approval', record: 'client' });
  });

  it('is not asked of whoever the rule does not mean', () => {
    expect(connect(`${PLAIN}  - { id: agents, effect: allow, record: client, actions: [connect], subjects: { kinds: [agent] } }\n`).record).toBeUndefined();
  });

  it.each([
    ['a rule that denies', '  - { id: no, effect: deny, record: client, actions: [connect] }\n'],
    ['a rule for operations', '  - { id: reads, effect: allow, record: client, actions: [select] }\n'],
  ])('cannot stand in %s', (_what, rule) => {
    expect(() => load(rule)).toThrow(/`record` is asked of a client that connects/);
  });
});
