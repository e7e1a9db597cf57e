/**
 * From the claims of a verified token to an `Identity`. Claims are signed, yet their content is untrusted: people choose their own names,
 * CI systems sign what a workflow says. So every value is checked for its type, its length and characters that would deceive a reader,
 * and an expression that fails refuses the token instead of leaving something out.
 */
import { GwError } from '../contract/gw-error.js';
import type { Identity, SubjectKind } from '../contract/identity.js';
import type { IssuerSettings } from '../contract/settings.js';
import { actorOf } from './actor-claim.js';
import { type ClaimExpression, type Claims, compileClaimExpression } from './claim-expression.js';
import { isPrintable, requireText } from './claim-text.js';

const MAX_GROUPS = 1000;
const PULL_REQUEST_EVENTS: readonly unknown[] = ['pull_request', 'pull_request_target'];
const KINDS: readonly SubjectKind[] = ['person', 'service', 'agent'];

type Mapping = keyof IssuerSettings['claims'];

/** An identity but for its expiry, which is no matter of claims mapping. */
export type MapClaims = (claims: Claims) => Omit<Identity, 'expiresAt'>;

/**
 * Compiles the mappings and requirements of one issuer.
 * @throws GwError `config.invalid`; the function it gives throws `login.token_invalid` that names the claim, requirement or mapping.
 */
export function createClaimMapping(settings: IssuerSettings): MapClaims {
  const { issuer } = settings;
  const required = settings.require.map((text, index) => compileClaimExpression(text, `identity: require[${index}] of ${issuer}`));
  const mappings = new Map<Mapping, ClaimExpression>();
  for (const name of ['subject', 'name', 'email', 'emailVerified', 'groups', 'kind', 'onBehalfOf'] as const) {
    const text = settings.claims[name];
    if (text !== undefined) mappings.set(name, compileClaimExpression(text, `identity: claims.${name} of ${issuer}`));
  }
  const decidesOnEvents = settings.require.some((text) => text.includes('event_name'));
  /** What the mapping `name` gives; what `fallback` says only where no mapping was written. */
  const mapped = (name: Mapping, claims: Claims, fallback: unknown): unknown => {
    const expression = mappings.get(name);
    return expression === undefined ? fallback : evaluate(expression, claims, `The mapping "claims.${name}" of the gateway`);
  };

  return (claims) => {
    for (const [index, expression] of required.entries()) {
      if (evaluate(expression, claims, `The requirement require[${index}] of the gateway`) !== true) {
        throw refused(`The token does not meet the requirement require[${index}] of the gateway for its issuer.`, { expression: expression.text });
      }
    }
    // A pull request runs code of people outside the repository; only an administrator who wrote a rule about it may let it in.
    if (!decidesOnEvents && PULL_REQUEST_EVENTS.includes(claims['event_name']))
      throw refused('The token belongs to a CI run for a pull request, which this gateway does not accept.');

    const own = requireText(mapped('subject', claims, claims['sub']), 'The subject');
    const actor = actorOf(claims, issuer);
    const subject = actor ?? own;
    const named = principal(mapped('onBehalfOf', claims, null), issuer, mappings.get('onBehalfOf')?.usesClaims ?? false);
    const onBehalfOf = named ?? (actor === null ? null : { issuer, subject: own, verified: true });
    return {
      issuer,
      subject,
      kind: kindOf(mapped('kind', claims, 'person'), actor !== null),
      // Name and address in a delegated token are those of the person behind it; the actor must not be shown under them.
      name: actor ?? nameOf(mapped('name', claims, undefined), claims, subject),
      email: actor === null ? textOrNull(mapped('email', claims, claims['email']), 'The e-mail address', 320) : null,
      emailVerified: actor === null && flag(mapped('emailVerified', claims, claims['email_verified'])),
      groups: groupsOf(mapped('groups', claims, claims['groups'] ?? [])),
      onBehalfOf: onBehalfOf?.subject === subject && onBehalfOf.issuer === issuer ? null : onBehalfOf,
      claims,
    };
  };
}

function refused(message: string, cause?: unknown): GwError {
  return new GwError('login.token_invalid', message, { cause });
}

function evaluate(expression: ClaimExpression, claims: Claims, what: string): unknown {
  try {
    return expression.evaluate(claims);
  } catch (cause) {
    throw refused(`${what} could not be worked out from this token.`, { expression: expression.text, cause });
  }
}

/** With an actor it is never a person who is there: an agent must not approve, or see, as its owner would. */
function kindOf(value: unknown, hasActor: boolean): SubjectKind {
  const kind = KINDS.find((each) => each === value);
  if (kind === undefined) throw refused('The mapping "claims.kind" of the gateway gave neither "person" nor "service" nor "agent".');
  return hasActor && kind === 'person' ? 'agent' : kind;
}

/** For people to read only, so an unusable default is passed over; a mapping that was written must work. */
function nameOf(value: unknown, claims: Claims, subject: string): string {
  if (value !== undefined) return requireText(value, 'The name');
  for (const candidate of [claims['preferred_username'], claims['name']]) {
    if (typeof candidate === 'string' && candidate !== '' && candidate.length <= 255 && isPrintable(candidate)) return candidate;
  }
  return subject;
}

function textOrNull(value: unknown, what: string, max: number): string | null {
  return value === undefined || value === null ? null : requireText(value, what, max);
}

/** Some providers write the flag as text. Anything else is "not verified". */
function flag(value: unknown): boolean {
  return value === true || value === 'true';
}

function groupsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw refused('The groups of the token are not a list.');
  if (value.length > MAX_GROUPS) throw refused(`The token has more than ${MAX_GROUPS} groups.`);
  const groups: unknown[] = value;
  return groups.map((group) => requireText(group, 'A group'));
}

function principal(value: unknown, issuer: string, verified: boolean): Identity['onBehalfOf'] {
  if (value === null) return null;
  if (typeof value !== 'object') return { issuer, subject: requireText(value, 'The principal ("claims.onBehalfOf")'), verified };
  if (!('subject' in value)) throw refused('The mapping "claims.onBehalfOf" of the gateway gave no subject.');
  const other = 'issuer' in value ? textOrNull(value.issuer, "The principal's issuer", 2048) : issuer;
  return { issuer: other, subject: requireText(value.subject, 'The principal ("claims.onBehalfOf")'), verified };
}
