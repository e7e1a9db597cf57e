/**
 * The keys of one issuer: discovered, fetched, cached, renewed. Stops "a key from somewhere else": keys come only from the `jwks_uri` of
 * the discovery document whose `issuer` is exactly the configured one; nothing in a token (kid, jku, x5u, jwk) can point elsewhere.
 *
 * Lazy: an issuer that is down neither stops the gateway nor slows it (failures back off). A key id that is not known leads to a renewal,
 * a limited number of times, so that rotation works at once and forged key ids cannot be turned into load on the issuer.
 */
import { type CryptoKey, createLocalJWKSet, errors, type JWK, type JWSHeaderParameters, type LocalJWKSet } from 'jose';
import type { Clock } from '../base/clock.js';
import { isLoopbackHost } from '../base/loopback-host.js';
import { GwError } from '../contract/gw-error.js';
import type { FetchJson } from './issuer-fetch.js';

const FRESH_MS = 10 * 60_000;
/** With the issuer down, keys older than this are not believed any more: they may have been withdrawn. */
const STALE_MS = 60 * 60_000;
const BACKOFF_MS = [1000, 2000, 4000, 8000, 16_000, 30_000];
const RENEWALS = 5;
const RENEWAL_EVERY_MS = 10_000;

interface Snapshot {
  readonly keys: LocalJWKSet;
  readonly digest: string;
  readonly fetchedAt: number;
  /** Grows whenever the set of keys is another one: what was verified with the former must be verified again. */
  readonly generation: number;
}

export interface KeySet {
  /** @throws GwError `login.unavailable` */
  generation(): Promise<number>;
  /**
   * The one key that `header` (already checked against the algorithm allow-list) asks for.
   * @throws GwError `login.unavailable` | `login.token_invalid`
   */
  find(header: JWSHeaderParameters): Promise<CryptoKey>;
}

export function createKeySet(issuer: string, fetchJson: FetchJson, clock: Clock): KeySet {
  let snapshot: Snapshot | null = null;
  let loading: Promise<Snapshot> | null = null;
  let failures = 0;
  let retryAt = Number.NEGATIVE_INFINITY;
  let lastFailure: GwError | null = null;
  let renewals = RENEWALS;
  let refilledAt = clock.monotonic();

  const load = async (): Promise<Snapshot> => {
    try {
      const { keys, digest } = await fetchKeys(issuer, fetchJson);
      failures = 0;
      snapshot = { keys, digest, fetchedAt: clock.monotonic(), generation: (snapshot?.generation ?? 0) + (snapshot?.digest === digest ? 0 : 1) };
      return snapshot;
    } catch (cause) {
      retryAt = clock.monotonic() + (BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] ?? 0);
      failures += 1;
      lastFailure = cause instanceof GwError ? cause : unavailable(issuer, 'it could not be reached', cause);
      throw lastFailure;
    }
  };
  const renew = (): Promise<Snapshot> => {
    if (loading !== null) return loading;
    if (lastFailure !== null && failures > 0 && clock.monotonic() < retryAt) return Promise.reject(lastFailure);
    loading = load().finally(() => {
      loading = null;
    });
    return loading;
  };
  const current = async (): Promise<Snapshot> => {
    const known = snapshot;
    if (known !== null && clock.monotonic() - known.fetchedAt < FRESH_MS) return known;
    try {
      return await renew();
    } catch (error) {
      if (known !== null && clock.monotonic() - known.fetchedAt < STALE_MS) return known;
      throw error;
    }
  };
  const mayRenew = (): boolean => {
    const refill = Math.floor((clock.monotonic() - refilledAt) / RENEWAL_EVERY_MS);
    if (refill > 0) {
      renewals = Math.min(RENEWALS, renewals + refill);
      refilledAt += refill * RENEWAL_EVERY_MS;
    }
    if (renewals === 0) return false;
    renewals -= 1;
    return true;
  };

  return {
    generation: async () => (await current()).generation,
    async find(header) {
      const known = await current();
      try {
        return await known.keys(header);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || (snapshot === known && !mayRenew())) throw refused(error);
      }
      // Another caller may have renewed meanwhile. The former keys stay good when the renewal fails, but they do not hold this one.
      const renewed = snapshot !== known && snapshot !== null ? snapshot : await renew();
      try {
        return await renewed.keys(header);
      } catch (error) {
        throw refused(error);
      }
    },
  };
}

function refused(error: unknown): GwError {
  if (error instanceof errors.JWKSNoMatchingKey)
    return new GwError('login.token_invalid', 'The token is not signed with a key of its issuer (no key matches its "kid" and "alg").', { cause: error });
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return new GwError('login.token_invalid', 'The token does not say which key of its issuer signed it (no "kid").', { cause: error });
  return new GwError('login.token_invalid', 'The key that the token names cannot be used to verify it.', { cause: error });
}

function unavailable(issuer: string, why: string, cause: unknown): GwError {
  return new GwError('login.unavailable', `The keys of the issuer ${issuer} are not to be had: ${why}.`, { cause });
}

async function fetchKeys(issuer: string, fetchJson: FetchJson): Promise<{ keys: LocalJWKSet; digest: string }> {
  const metadata = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (!isObject(metadata) || metadata['issuer'] !== issuer)
    throw unavailable(issuer, 'its discovery document names another issuer', { found: isObject(metadata) ? metadata['issuer'] : typeof metadata });
  const uri = metadata['jwks_uri'];
  if (typeof uri !== 'string' || !URL.canParse(uri) || !isProtected(new URL(uri), issuer))
    throw unavailable(issuer, 'its discovery document has no usable "jwks_uri"', { uri });
  const document = await fetchJson(uri);
  if (!isObject(document) || !Array.isArray(document['keys'])) throw unavailable(issuer, 'its key set is not one', { uri });
  const keys: unknown[] = document['keys'];
  // Symmetric and private keys have no place in a public set; whoever publishes them has published the power to sign.
  const jwks = keys.filter(isObject).filter((key) => key['kty'] !== 'oct' && key['d'] === undefined);
  return { keys: createLocalJWKSet({ keys: jwks as unknown as JWK[] }), digest: JSON.stringify(jwks) };
}

/** https, or plain http to this machine for an issuer that is itself on this machine. */
function isProtected(url: URL, issuer: string): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname) && issuer.startsWith('http:'));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
