/**
 * Looks inside a token for what the CLI needs to plan with: when it ends and whom it names. Nothing is verified here, so nothing here
 * may decide anything; the gateway verifies every token itself.
 */
import { GwError } from '../contract/gw-error.js';

const MAX_TOKEN = 60_000;

export interface JwtClaims {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly nonce: string | null;
  /** Best short name in the token, for people. */
  readonly name: string;
}

/** @throws GwError `login.token_invalid` — the message never holds a part of the token. */
export function readClaims(token: string): JwtClaims {
  const payload = token.length <= MAX_TOKEN ? token.split('.')[1] : undefined;
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString('utf8'));
  } catch (cause) {
    throw new GwError('login.token_invalid', 'The token is not a JSON Web Token.', { cause });
  }
  if (typeof claims !== 'object' || claims === null) throw new GwError('login.token_invalid', 'The token is not a JSON Web Token.');
  const values = claims as Record<string, unknown>;
  const text = (name: string): string | null => (typeof values[name] === 'string' && values[name] !== '' ? values[name] : null);
  const issuer = text('iss');
  const subject = text('sub');
  const { exp, aud } = values;
  if (issuer === null || subject === null || typeof exp !== 'number')
    throw new GwError('login.token_invalid', 'The token does not name its issuer, subject and expiry.');
  return {
    issuer,
    subject,
    audience: (Array.isArray(aud) ? aud : [aud]).filter((value): value is string => typeof value === 'string'),
    expiresAt: exp * 1000,
    nonce: text('nonce'),
    name: text('preferred_username') ?? text('email') ?? text('name') ?? subject,
  };
}
