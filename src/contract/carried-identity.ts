/**
 * An identity on its way to the process where its session runs (a renewal over the bus). An event holds a few thousand bytes; groups and
 * claims may be longer. Then only a digest travels with what changes in every token, and the receiver, who has the identity before, can
 * tell that nothing else changed, or that it did and it does not know the rights: which is an answer too, and never the old ones.
 */
import { createHash } from 'node:crypto';
import type { Identity } from './identity.js';

type Claims = Identity['claims'];

export interface CarriedIdentity extends Omit<Identity, 'groups' | 'claims'> {
  readonly rights:
    | { readonly kind: 'whole'; readonly groups: readonly string[]; readonly claims: Claims }
    /** `digest`: over groups and claims but those of the token itself, which are `tokenClaims`. */
    | { readonly kind: 'digest'; readonly digest: string; readonly tokenClaims: Claims };
}

/** Longest form in which all is carried, bytes of JSON. */
const WHOLE_LIMIT = 6_000;

/** Claims about the token and its issuance, not about who it is for (RFC 7519, OpenID Connect Core and Session; the last line: Entra ID). */
const TOKEN_CLAIMS: ReadonlySet<string> = new Set([
  ...['exp', 'iat', 'nbf', 'jti', 'auth_time', 'nonce', 'at_hash', 'c_hash', 's_hash', 'sid', 'session_state'],
  ...['aio', 'rh', 'uti', 'xms_ftd'],
]);

export function carryIdentity(identity: Identity): CarriedIdentity {
  const { groups, claims, ...rest } = identity;
  const whole: CarriedIdentity = { ...rest, rights: { kind: 'whole', groups, claims } };
  if (Buffer.byteLength(JSON.stringify(whole)) <= WHOLE_LIMIT) return whole;
  return { ...rest, rights: { kind: 'digest', digest: digestOf(identity), tokenClaims: pick(claims, true) } };
}

/** The identity that was carried; null: groups or claims differ from those of `known`, and what they are is not known here. */
export function receiveIdentity(carried: CarriedIdentity, known: Identity): Identity | null {
  const { rights, ...rest } = carried;
  if (rights.kind === 'whole') return { ...rest, groups: rights.groups, claims: frozen(rights.claims) };
  if (rights.digest !== digestOf(known)) return null;
  return { ...rest, groups: known.groups, claims: frozen({ ...pick(known.claims, false), ...rights.tokenClaims }) };
}

function digestOf({ groups, claims }: Pick<Identity, 'groups' | 'claims'>): string {
  return createHash('sha256')
    .update(JSON.stringify([groups, pick(claims, false)], sorted))
    .digest('hex');
}

function pick(claims: Claims, ofToken: boolean): Claims {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => TOKEN_CLAIMS.has(name) === ofToken));
}

/** Order of keys says nothing. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Claims are read by policy for as long as the session lives. Depth is bounded: they came out of a verified token. */
function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value) as unknown[]) if (typeof inner === 'object' && inner !== null && !Object.isFrozen(inner)) frozen(inner);
  return Object.freeze(value);
}
