/**
 * The door of the identity domain: a bearer token in, an `Identity` out, or a refusal that says which check failed and never what the
 * token holds. Called by stage 2 of the path and by the API for every request. The token is untrusted; `Identity` is proof that it was
 * verified here. Locks are asked for on every call, so that a lock holds from the next one on.
 */
import type { Clock } from '../base/clock.js';
import { GwError } from '../contract/gw-error.js';
import type { Authenticator, Identity } from '../contract/identity.js';
import type { IssuerSettings } from '../contract/settings.js';
import { createIssuerFetch, type FetchJson } from './issuer-fetch.js';
import { type IsLocked, refuseLocked } from './refuse-locked.js';
import { TokenCache } from './token-cache.js';
import { readTokenShape, requireTokenSize } from './token-shape.js';
import { createTrustedIssuer, type TrustedIssuer } from './trusted-issuer.js';

const CACHED_TOKENS = 4096;

export interface AuthenticatorOptions {
  readonly issuers: readonly IssuerSettings[];
  /** How far clocks may differ, milliseconds. */
  readonly clockSkewMs: number;
  readonly clock: Clock;
  readonly isLocked: IsLocked;
  /** How to read an issuer's documents. Default: https, with the issuer's `ca` where it has one. */
  readonly fetchJson?: FetchJson;
}

export interface IssuerState {
  readonly issuer: string;
  /** Null when its keys are at hand. */
  readonly problem: string | null;
}

export interface TokenAuthenticator extends Authenticator {
  /** Fetches the keys of all issuers, so that the first login need not wait, and says which are not to be had. Never rejects. */
  warmUp(): Promise<readonly IssuerState[]>;
}

/** @throws GwError `config.invalid` when an issuer is given twice or an expression does not compile. */
export function createAuthenticator(options: AuthenticatorOptions): TokenAuthenticator {
  const { clock, clockSkewMs } = options;
  const cache = new TokenCache(CACHED_TOKENS);
  const issuers = new Map<string, TrustedIssuer>();
  for (const settings of options.issuers) {
    if (issuers.has(settings.issuer)) throw new GwError('config.invalid', `The issuer ${settings.issuer} is given twice.`);
    issuers.set(settings.issuer, createTrustedIssuer(settings, clockSkewMs, options.fetchJson ?? createIssuerFetch(settings.ca), clock));
  }

  const verifyToken = async (token: string): Promise<Identity> => {
    const key = TokenCache.keyOf(token);
    const known = cache.get(key, clock.now());
    if (known !== null) {
      const generation = await issuers.get(known.identity.issuer)?.keys.generation();
      if (generation === known.generation && known.identity.expiresAt > clock.now()) return known.identity;
      cache.delete(key);
    }
    const shape = readTokenShape(token);
    const issuer = issuers.get(shape.claimedIssuer);
    if (issuer === undefined) throw new GwError('login.token_invalid', 'The token comes from an issuer that this gateway does not trust (claim "iss").');
    // Asked before: should the keys change meanwhile, the token is verified once more with the new ones.
    const generation = await issuer.keys.generation();
    const identity = await issuer.verify(token, shape);
    cache.set(key, { identity, generation });
    return identity;
  };

  return {
    async verify(token) {
      requireTokenSize(token);
      const identity = await verifyToken(token);
      await refuseLocked(identity, options.isLocked);
      return identity;
    },
    async warmUp() {
      return Promise.all(
        [...issuers].map(async ([issuer, { keys }]): Promise<IssuerState> => {
          try {
            await keys.generation();
            return { issuer, problem: null };
          } catch (error) {
            return { issuer, problem: GwError.from(error).message };
          }
        }),
      );
    },
  };
}
