/**
 * Gives the token of a stored login, renewing it silently when it ends soon. A refresh token that rotates may be spent once only, so
 * renewal runs under a lock across processes, and whoever gets the lock second finds the work done. A renewed token must be of the same
 * subject and issuer (OIDC core, section 12.2).
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.js';
import { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import type { HttpsTransport } from './https-transport.js';
import { readClaims } from './jwt-claims.js';
import { discoverIssuer, issuerError } from './oidc-issuer.js';
import { serviceLogin } from './service-login.js';
import type { LoginLock, LoginStore, StoredLogin } from './stored-login.js';
import { type BearerToken, fileTokenSource, type TokenNeed, type TokenSource } from './token-source.js';

export interface RenewalOptions {
  readonly gateway: string;
  readonly store: LoginStore;
  readonly lock: LoginLock;
  readonly transport: HttpsTransport;
  readonly clock: Clock;
}

/** A login is renewed when less than a fifth of its life is left, at most five minutes before its end. */
function isFresh(login: StoredLogin, need: TokenNeed, now: number): boolean {
  if (need.laterThan !== undefined && login.expiresAt <= need.laterThan) return false;
  const margin = Math.min(300_000, (login.expiresAt - login.obtainedAt) / 5);
  return login.expiresAt - margin > now;
}

function bearerOf(login: StoredLogin): BearerToken {
  return { secret: new Secret(login.token), expiresAt: login.expiresAt };
}

export function storedTokenSource(options: RenewalOptions, first: StoredLogin): TokenSource {
  if (first.method === 'token-file' && first.tokenFile !== null) return fileTokenSource(first.tokenFile, options.clock);
  let current = first;
  let pending: Promise<BearerToken> | null = null;
  const renew = async (need: TokenNeed): Promise<BearerToken> => {
    try {
      current = await options.lock(options.gateway, () => renewUnderLock(options, need));
      return bearerOf(current);
    } finally {
      pending = null;
    }
  };
  return {
    origin: `the login of ${first.name}`,
    token(need = {}) {
      if (isFresh(current, need, options.clock.now())) return Promise.resolve(bearerOf(current));
      pending ??= renew(need);
      return pending;
    },
  };
}

async function renewUnderLock(options: RenewalOptions, need: TokenNeed): Promise<StoredLogin> {
  const { clock, store } = options;
  const stored = await store.read(options.gateway);
  if (stored === null) throw new GwError('login.required', `There is no login for ${options.gateway} any more.`);
  if (isFresh(stored, need, clock.now())) return stored;
  const stillValid = stored.expiresAt > clock.now();
  try {
    const renewed = stored.method === 'client-credentials' ? await renewService(options, stored) : await renewPerson(options, stored);
    await store.write(renewed);
    return renewed;
  } catch (thrown) {
    // The old token may serve until its end when the issuer is away for a moment; a refusal of the issuer is final.
    if (stillValid && !(thrown instanceof GwError && thrown.entry.kind === 'login')) return stored;
    throw thrown;
  }
}

async function renewService(options: RenewalOptions, stored: StoredLogin): Promise<StoredLogin> {
  if (stored.secretFile === null) {
    if (stored.expiresAt > options.clock.now()) return stored;
    throw new GwError('login.expired', `The login of ${stored.clientId} has expired, and its secret was not kept.`, {
      hint: 'Set GW_CLIENT_ID and GW_CLIENT_SECRET, or log in with `gw login --client-id ID --client-secret-file FILE`.',
    });
  }
  let clientSecret: string;
  try {
    clientSecret = (await readFile(stored.secretFile, 'utf8')).trim();
  } catch (cause) {
    throw new GwError('login.expired', `The login of ${stored.clientId} has expired, and its secret file ${stored.secretFile} cannot be read.`, { cause });
  }
  return serviceLogin({ ...options, issuer: stored.issuer, audience: stored.audience, clientId: stored.clientId, clientSecret, secretFile: stored.secretFile });
}

async function renewPerson(options: RenewalOptions, stored: StoredLogin): Promise<StoredLogin> {
  if (stored.refreshToken === null) {
    if (stored.expiresAt > options.clock.now()) return stored;
    throw new GwError('login.expired', `The login of ${stored.name} has expired.`, { hint: 'Run `gw login`.' });
  }
  const oidc = await import('openid-client');
  const config = await discoverIssuer({ issuer: stored.issuer, clientId: stored.clientId, clientSecret: null }, options.transport);
  try {
    const tokens = await oidc.refreshTokenGrant(config, stored.refreshToken);
    if (tokens.id_token === undefined)
      throw new GwError('login.expired', 'The identity provider renewed the login without an id token.', { hint: 'Run `gw login`.' });
    const claims = readClaims(tokens.id_token);
    if (claims.subject !== stored.subject)
      throw new GwError('login.failed', 'The identity provider renewed the login of another subject.', { hint: 'Run `gw logout`, then `gw login`.' });
    return {
      ...stored,
      token: tokens.id_token,
      refreshToken: tokens.refresh_token ?? stored.refreshToken,
      name: claims.name,
      obtainedAt: options.clock.now(),
      expiresAt: claims.expiresAt,
    };
  } catch (cause) {
    throw issuerError(cause, 'The identity provider did not renew the login');
  }
}

/** Ends the login at the issuer where it can be ended. False: the issuer has no revocation endpoint, or there is nothing to revoke. */
export async function revokeLogin(stored: StoredLogin, transport: HttpsTransport): Promise<boolean> {
  if (stored.refreshToken === null) return false;
  const oidc = await import('openid-client');
  const config = await discoverIssuer({ issuer: stored.issuer, clientId: stored.clientId, clientSecret: null }, transport);
  if (config.serverMetadata().revocation_endpoint === undefined) return false;
  try {
    await oidc.tokenRevocation(config, stored.refreshToken, { token_type_hint: 'refresh_token' });
  } catch (cause) {
    throw issuerError(cause, 'The identity provider did not revoke the login');
  }
  return true;
}
