/** Who is asking. Built only by the identity domain from a verified token; every other module reads it. */
import type { Secret } from '../base/secret.js';

export type SubjectKind = 'person' | 'service' | 'agent';

export interface Identity {
  /** The subject is always the pair (issuer, subject): the same `sub` from another issuer is another subject. */
  readonly issuer: string;
  readonly subject: string;
  readonly kind: SubjectKind;
  /** Short name for people to read; never used for a decision. */
  readonly name: string;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly groups: readonly string[];
  /** The human behind an agent or a CI run. `verified` is false when only the agent itself says so. */
  readonly onBehalfOf: { readonly issuer: string | null; readonly subject: string; readonly verified: boolean } | null;
  /** All claims of the verified token, for policy conditions and evidence. The token itself is never kept. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch; after it the identity is worth nothing, in a live session too. */
  readonly expiresAt: number;
}

/** One line that names a subject unambiguously: `issuer#subject`. */
export function subjectKey(identity: Pick<Identity, 'issuer' | 'subject'>): string {
  return `${identity.issuer}#${identity.subject}`;
}

/** Whom an identity acts for; null: for itself. A principal without an issuer belongs to the identity's own. */
export function principalOf({ issuer, onBehalfOf }: Pick<Identity, 'issuer' | 'onBehalfOf'>): Pick<Identity, 'issuer' | 'subject'> | null {
  return onBehalfOf === null ? null : { issuer: onBehalfOf.issuer ?? issuer, subject: onBehalfOf.subject };
}

/** Everyone whose lock ends what this identity does: itself, and whoever it acts for. */
export function subjectsOf(identity: Pick<Identity, 'issuer' | 'subject' | 'onBehalfOf'>): readonly Pick<Identity, 'issuer' | 'subject'>[] {
  const { issuer, subject } = identity;
  const principal = principalOf(identity);
  return principal === null ? [{ issuer, subject }] : [{ issuer, subject }, principal];
}

/** Port of the identity domain: logins that outlast the showing of a token, by a key that the client proves. */
export interface IdentityPasses {
  /** @param holder names the key. @throws GwError `usage.invalid` when the identity is too large */
  issue(identity: Identity, holder: string): Uint8Array;
  /** The identity, whose holder proved the key. @throws GwError `login.token_invalid` | `login.expired` | `login.locked` */
  redeem(pass: Uint8Array, holder: string): Promise<Identity>;
}

/** A login that a person confirms in a browser, begun for a client that can only show a text. */
export interface DeviceLogin {
  readonly code: string;
  readonly url: string;
  /** With the code in it, where the provider gives one. */
  readonly completeUrl: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Resolves when the person has confirmed. @throws GwError `login.failed` | `login.unavailable` */
  token(): Promise<Secret>;
}

/** Port of the identity domain. */
export interface DeviceLogins {
  /** Does anybody log in so here? */
  readonly possible: boolean;
  /** Ends with `signal`, which must be aborted in the end. @throws GwError `login.unavailable` | `login.required` | `session.limit` */
  begin(signal: AbortSignal): Promise<DeviceLogin>;
}

/** Port of the identity domain. */
export interface Authenticator {
  /**
   * Verifies a bearer token (signature by the issuer's own keys, algorithm allow-list, issuer, audience, times) and maps its claims.
   * @throws GwError `login.token_invalid` | `login.expired` | `login.locked` | `login.unavailable` (the issuer's keys are not to be had) — the message says which check failed, never the token.
   */
  verify(token: string): Promise<Identity>;
}
