/**
 * One issuer that is trusted: verifies signature and claims of its tokens and maps them. The checks stop, in this order: unsigned and
 * key-confused tokens (algorithm allow-list), foreign keys, other issuers, other audiences, wrong times, tokens of another purpose.
 */
import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../base/clock.js';
import { GwError } from '../contract/gw-error.js';
import type { Identity } from '../contract/identity.js';
import type { IssuerSettings } from '../contract/settings.js';
import { createClaimMapping } from './claim-mapping.js';
import { requireText } from './claim-text.js';
import { freezeClaims } from './freeze-claims.js';
import type { FetchJson } from './issuer-fetch.js';
import { createKeySet, type KeySet } from './key-set.js';
import type { TokenShape } from './token-shape.js';

/** 1 January 5138: a later expiry is a mistake of the issuer, and its milliseconds would not be exact. */
const LATEST_EXPIRY = 1e11;

const refused = (message: string, cause?: unknown): GwError => new GwError('login.token_invalid', message, { cause });

export interface TrustedIssuer {
  readonly keys: KeySet;
  /** @throws GwError `login.token_invalid` | `login.expired` | `login.unavailable` */
  verify(token: string, shape: TokenShape): Promise<Identity>;
}

/** @throws GwError `config.invalid` when an expression does not compile. */
export function createTrustedIssuer(settings: IssuerSettings, clockSkewMs: number, fetchJson: FetchJson, clock: Clock): TrustedIssuer {
  const { issuer, audience } = settings;
  const keys = createKeySet(issuer, fetchJson, clock);
  const mapClaims = createClaimMapping(settings);
  const algorithms = [...settings.algorithms];
  const parties = new Set([
    ...settings.authorizedParties,
    ...(settings.authorizedParties.length > 0 ? [] : [...audience, ...(settings.login === null ? [] : [settings.login.clientId])]),
  ]);

  const checkParty = (payload: JWTPayload): void => {
    const party = payload['azp'];
    if (settings.authorizedParties.length === 0 && (party === undefined || !Array.isArray(payload.aud) || payload.aud.length < 2)) return;
    if (typeof party !== 'string' || !parties.has(party)) throw refused('The token was issued to a client that this gateway does not accept (claim "azp").');
  };

  return {
    keys,
    async verify(token, { header }) {
      if (header.alg === undefined || !algorithms.includes(header.alg)) {
        throw refused(
          header.alg?.toLowerCase() === 'none' ? 'The token is not signed.' : 'The token is signed with an algorithm that is not accepted from its issuer.',
        );
      }
      const key = await keys.find(header);
      const now = clock.now();
      const payload = await verifySignature(token, key, {
        issuer,
        audience: [...audience],
        algorithms,
        clockTolerance: clockSkewMs / 1000,
        currentDate: new Date(now),
        requiredClaims: ['sub', 'exp', 'aud', 'iss'],
      });
      const expiry = payload.exp;
      if (expiry === undefined || !(expiry > 0 && expiry < LATEST_EXPIRY)) throw refused('The token has no usable expiry (claim "exp").');
      const issued: unknown = payload.iat;
      if (issued !== undefined) {
        if (typeof issued !== 'number' || !(issued > 0)) throw refused('The time of issue of the token is not usable (claim "iat").');
        if (issued * 1000 > now + clockSkewMs) throw refused('The token was issued in the future (claim "iat"); compare the clocks of issuer and gateway.');
        if (issued >= expiry) throw refused('The token expires before it was issued (claims "iat" and "exp").');
      }
      if (payload['cnf'] !== undefined) throw refused('The token is bound to a key of its holder (claim "cnf"), which cannot be checked here.');
      if (payload['events'] !== undefined) throw refused('The token is an event for another service (claim "events"), not a login.');
      requireText(payload.sub, 'The subject (claim "sub")');
      checkParty(payload);
      // With the allowed difference of clocks, as the check of the expiry itself: an accepted identity must not be expired at once.
      return { ...mapClaims(freezeClaims(payload)), expiresAt: Math.floor(expiry * 1000) + clockSkewMs };
    },
  };
}

async function verifySignature(token: string, key: Parameters<typeof jwtVerify>[1], options: Parameters<typeof jwtVerify>[2]): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, key, options)).payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired)
      throw new GwError('login.expired', 'The token has expired (claim "exp").', { hint: 'Run `gw login`, or present a fresh token.', cause: error });
    if (error instanceof errors.JWTClaimValidationFailed) throw refused(claimMessage(error.claim, error.reason), error);
    if (error instanceof errors.JWSSignatureVerificationFailed) throw refused('The signature of the token is not valid.', error);
    if (error instanceof errors.JOSEAlgNotAllowed) throw refused('The token is signed with an algorithm that is not accepted from its issuer.', error);
    throw refused('The token is not a valid signed JWT.', error);
  }
}

function claimMessage(claim: string, reason: string): string {
  if (reason === 'missing') return `The token has no claim "${claim}".`;
  if (claim === 'aud') return 'The token was not issued for this gateway (claim "aud").';
  if (claim === 'nbf' && reason === 'check_failed') return 'The token is not valid yet (claim "nbf"); compare the clocks of issuer and gateway.';
  if (claim === 'iss') return 'The token comes from another issuer (claim "iss").';
  return `The claim "${claim}" of the token is not usable.`;
}
