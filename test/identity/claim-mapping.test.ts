import { describe, expect, it } from 'vitest';
import { GwError } from '../../src/contract/gw-error.js';
import type { Identity } from '../../src/contract/identity.js';
import type { ClaimMappings, IssuerSettings } from '../../src/contract/settings.js';
import { createClaimMapping } from '../../src/identity/claim-mapping.js';
import { checkClaimExpression } from '../../src/identity/index.js';

const ISSUER = 'https://login.example.com';
const settings = (claims: ClaimMappings, require: readonly string[] = []): IssuerSettings => ({
  issuer: ISSUER,
  audience: ['gw'],
  algorithms: ['ES256'],
  login: null,
  authorizedParties: [],
  require,
  claims,
  ca: null,
});
type Mapped = Omit<Identity, 'expiresAt'>;
const map = (claims: Record<string, unknown>, mappings: ClaimMappings = {}, require: readonly string[] = []): Mapped =>
  createClaimMapping(settings(mappings, require))({ sub: 'alice', ...claims });
const refusal = (run: () => unknown): GwError => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(GwError);
    return GwError.from(error);
  }
  throw new TypeError('nothing was refused');
};

describe('mappings', () => {
  it('give every part of an identity', () => {
    const identity = map(
      { repository_id: '42', workflow: 'deploy', mail: 'ci@example.com', roles: ['ci'], actor_id: '7' },
      {
        subject: '"repository:" + claims.repository_id',
        name: 'claims.workflow',
        email: 'claims.mail',
        emailVerified: 'true',
        groups: 'claims.roles.map(r, "role:" + r)',
        kind: '"service"',
        onBehalfOf: 'claims.actor_id',
      },
    );
    expect(identity).toMatchObject({
      issuer: ISSUER,
      subject: 'repository:42',
      name: 'deploy',
      email: 'ci@example.com',
      emailVerified: true,
      groups: ['role:ci'],
      kind: 'service',
      onBehalfOf: { issuer: ISSUER, subject: '7', verified: true },
    });
  });

  it('that are left out have defaults', () => {
    expect(map({})).toMatchObject({ subject: 'alice', name: 'alice', email: null, emailVerified: false, groups: [], kind: 'person', onBehalfOf: null });
    expect(map({ preferred_username: 'al', name: 'Alice A.' }).name).toBe('al');
    expect(map({ preferred_username: '\u001b[31m', name: 'Alice A.' }).name).toBe('Alice A.');
    expect(map({ email_verified: 'true' }).emailVerified).toBe(true);
    expect(map({ email_verified: 1 }).emailVerified).toBe(false);
  });

  it('may say that something is absent', () => {
    const mappings: ClaimMappings = {
      email: 'claims.?mail',
      groups: 'has(claims.roles) ? claims.roles : []',
      onBehalfOf: 'has(claims.owner) ? claims.owner : null',
    };
    expect(map({ email: 'not-this@example.com' }, mappings)).toMatchObject({ email: null, groups: [], onBehalfOf: null });
    expect(map({ mail: 'a@b', roles: ['x'], owner: 'bob' }, mappings)).toMatchObject({ email: 'a@b', groups: ['x'], onBehalfOf: { subject: 'bob' } });
  });

  const failing: readonly [string, ClaimMappings, Record<string, unknown>, string][] = [
    ['a claim that is not there', { groups: 'claims.roles' }, {}, 'The mapping "claims.groups" of the gateway could not be worked out'],
    ['a subject that is not there', { subject: 'claims.?repository_id' }, {}, 'The subject of the token is not text'],
    ['a subject that is a number', { subject: 'claims.repository_id' }, { repository_id: 42 }, 'The subject of the token is not text'],
    ['an unknown kind', { kind: 'claims.kind' }, { kind: 'admin' }, '"claims.kind" of the gateway gave neither'],
    ['groups that are one text', { groups: 'claims.role' }, { role: 'dba' }, 'not a list'],
    ['a name that drives a terminal', { name: 'claims.nick' }, { nick: '\u001b]0;x\u0007' }, 'The name of the token holds control characters'],
    ['a principal without subject', { onBehalfOf: '{"issuer": "x"}' }, {}, '"claims.onBehalfOf" of the gateway gave no subject'],
    ['a principal that is a number', { onBehalfOf: 'claims.n' }, { n: 1 }, 'The principal'],
    ['a property of objects', { subject: 'claims.constructor' }, {}, 'The mapping "claims.subject" of the gateway could not be worked out'],
  ];
  it.each(failing)('that fail refuse the token: %s', (_, mappings, claims, message) => {
    const error = refusal(() => map(claims, mappings));
    expect(error).toMatchObject({ code: 'login.token_invalid' });
    expect(error.message).toContain(message);
  });

  it('know a principal of another issuer, and one that nobody signed', () => {
    expect(map({ o: 'bob' }, { onBehalfOf: '{"issuer": "https://other.example", "subject": claims.o}' }).onBehalfOf).toEqual({
      issuer: 'https://other.example',
      subject: 'bob',
      verified: true,
    });
    expect(map({}, { onBehalfOf: '"bob"' }).onBehalfOf).toEqual({ issuer: ISSUER, subject: 'bob', verified: false });
    expect(map({}, { onBehalfOf: 'claims.sub' }).onBehalfOf).toBeNull();
  });
});

describe('requirements', () => {
  const require = ['claims.repository_owner_id == "1234567"', 'claims.event_name != "pull_request"'];
  it('must all be true', () => {
    expect(map({ repository_owner_id: '1234567', event_name: 'push' }, {}, require).subject).toBe('alice');
    expect(refusal(() => map({ repository_owner_id: '7654321', event_name: 'push' }, {}, require)).message).toBe(
      'The token does not meet the requirement require[0] of the gateway for its issuer.',
    );
    expect(refusal(() => map({ repository_owner_id: '1234567', event_name: 'pull_request' }, {}, require)).message).toContain('require[1]');
  });
  it('that cannot be worked out are not met', () => {
    expect(refusal(() => map({ event_name: 'push' }, {}, require))).toMatchObject({
      code: 'login.token_invalid',
      message: expect.stringContaining('require[0]') as string,
    });
    expect(refusal(() => map({ flag: 'true' }, {}, ['claims.flag'])).message).toContain('require[0]');
  });
  it('keep their text out of the message', () => {
    expect(refusal(() => map({ repository_owner_id: 'x', event_name: 'push' }, {}, require)).message).not.toContain('1234567');
  });
  it('that speak of events decide about pull requests', () => {
    expect(refusal(() => map({ event_name: 'pull_request' }, {}, [])).message).toContain('pull request');
    expect(map({ event_name: 'pull_request' }, {}, ['claims.event_name in ["push", "pull_request"]']).subject).toBe('alice');
  });
});

describe('the act claim (RFC 8693): an agent is never taken for its owner', () => {
  it('the outermost actor is who is there, for the subject of the token', () => {
    const identity = map({
      preferred_username: 'Alice',
      email: 'alice@example.com',
      email_verified: true,
      groups: ['dba'],
      act: { sub: 'ledger-agent', act: { sub: 'former-agent' } },
    });
    expect(identity).toMatchObject({
      subject: 'ledger-agent',
      name: 'ledger-agent',
      kind: 'agent',
      email: null,
      emailVerified: false,
      onBehalfOf: { issuer: ISSUER, subject: 'alice', verified: true },
    });
  });
  it('no mapping makes it a person; it may be a service', () => {
    expect(map({ act: { sub: 'bot' } }, { kind: '"person"' }).kind).toBe('agent');
    expect(map({ act: { sub: 'bot' } }, { kind: '"service"' }).kind).toBe('service');
    expect(map({}, { kind: '"person"' }).kind).toBe('person');
  });
  it('a mapped subject is the one acted for, not the one who acts', () => {
    expect(map({ uid: 'u-1', act: { sub: 'bot' } }, { subject: 'claims.uid' })).toMatchObject({ subject: 'bot', onBehalfOf: { subject: 'u-1' } });
  });
  it.each([
    ['text', 'bot'],
    ['a list', [{ sub: 'bot' }]],
    ['without subject', { client_id: 'bot' }],
    ['with an empty subject', { sub: '' }],
    ['of another issuer', { sub: 'bot', iss: 'https://other.example' }],
    ['with a broken chain', { sub: 'bot', act: 'x' }],
    ['in an endless chain', Array.from({ length: 9 }).reduce<unknown>((act) => ({ sub: 'bot', act }), undefined)],
  ])('an actor %s refuses the token', (_, act) => {
    expect(refusal(() => map({ act }))).toMatchObject({ code: 'login.token_invalid' });
  });
  it('of the same issuer may say so', () => {
    expect(map({ act: { sub: 'bot', iss: ISSUER } }).subject).toBe('bot');
  });
});

describe('expressions are checked when they are loaded', () => {
  it.each(['claims.sub', 'has(claims.x) ? claims.x : []', 'claims.groups.exists(g, g.startsWith("team-"))', 'claims.?a.orValue("b")', '"person"', 'null'])(
    '%s',
    (text) => {
      expect(checkClaimExpression(text)).toBeNull();
    },
  );
  it.each([
    ['claims.sub.matches("^(a+)+$")', 'matches()'],
    ['claims.groups.all(g, g.matches("x"))', 'matches()'],
    ['{"a": [claims.b.matches("x")]}', 'matches()'],
    ['1 +', 'not a valid expression'],
    ['token.sub', 'not a valid expression: Unknown variable: token'],
    ['claims.sub ==', 'not a valid expression'],
    ['nothing(claims.sub)', 'not a valid expression'],
    ['"a" + 1', 'not a valid expression'],
    [`${'('.repeat(100)}1${')'.repeat(100)}`, 'not a valid expression'],
    [Array.from({ length: 600 }, () => '1').join(' + '), 'not a valid expression'],
  ])('refuses %s', (text, message) => {
    expect(checkClaimExpression(text)).toContain(message);
    expect(refusal(() => createClaimMapping(settings({ name: text })))).toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining(`claims.name of ${ISSUER}`) as string,
    });
    expect(refusal(() => createClaimMapping(settings({}, [text])))).toMatchObject({ code: 'config.invalid' });
  });
});
