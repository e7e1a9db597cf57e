/** Text form of a stored login. What is read back is checked, because files can be edited and keychains shared. */
import type { StoredLogin } from '../../client/stored-login.js';
import { GwError } from '../../contract/gw-error.js';

const TEXTS = ['gateway', 'method', 'issuer', 'clientId', 'subject', 'name', 'audience', 'token'] as const;

export function encodeLogin(login: StoredLogin): string {
  return JSON.stringify(login);
}

/** @throws GwError `login.store` — the message never holds the content. */
export function decodeLogin(text: string, gateway: string): StoredLogin {
  const broken = (cause?: unknown): GwError =>
    new GwError('login.store', `The stored login for ${gateway} is damaged.`, {
      ...(cause === undefined ? {} : { cause }),
      hint: 'Run `gw logout`, then `gw login`.',
    });
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (cause) {
    throw broken(cause);
  }
  if (typeof raw !== 'object' || raw === null) throw broken();
  const values = raw as Record<string, unknown>;
  const known =
    values['version'] === 1 && typeof values['expiresAt'] === 'number' && typeof values['obtainedAt'] === 'number' && Array.isArray(values['scopes']);
  if (!known || TEXTS.some((name) => typeof values[name] !== 'string')) throw broken();
  // A login copied to another gateway's place would show that gateway a token it was not made for.
  if (values['gateway'] !== gateway) throw broken();
  return values as unknown as StoredLogin;
}
