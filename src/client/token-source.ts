/**
 * Where a bearer token comes from: a stored login, the environment, a file, a CI system. Everything that needs one asks a source at
 * the moment of use, so that renewal is nobody else's concern. Sources never print a token; it travels in a `Secret`.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.js';
import { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import { readClaims } from './jwt-claims.js';

export interface BearerToken {
  readonly secret: Secret;
  /** Milliseconds since the epoch, as the token says. */
  readonly expiresAt: number;
}

export interface TokenNeed {
  /** Ask for one that ends later than this, for the renewal of a live session. A source that has none gives what it has. */
  readonly laterThan?: number;
}

export interface TokenSource {
  /** Where the token comes from, in words, e.g. `GW_ID_TOKEN`. */
  readonly origin: string;
  /** @throws GwError of kind login when there is none that is valid. */
  token(need?: TokenNeed): Promise<BearerToken>;
}

function bearer(token: string, origin: string, clock: Clock): BearerToken {
  const { expiresAt } = readClaims(token);
  if (expiresAt <= clock.now()) throw new GwError('login.expired', `The token from ${origin} has expired.`, { hint: `Put a fresh token into ${origin}.` });
  return { secret: new Secret(token), expiresAt };
}

/** A token given as it is; it cannot be renewed. */
export function fixedTokenSource(token: string, origin: string, clock: Clock): TokenSource {
  return { origin, token: () => Promise.resolve().then(() => bearer(token.trim(), origin, clock)) };
}

/** A file that something else keeps fresh; read at each use. */
export function fileTokenSource(path: string, clock: Clock): TokenSource {
  const origin = `the file ${path}`;
  return {
    origin,
    async token() {
      let text: string;
      try {
        text = await readFile(path, 'utf8');
      } catch (cause) {
        throw new GwError('login.required', `Cannot read the token file ${path}.`, { cause, hint: 'Check the path and the permissions of the file.' });
      }
      return bearer(text.trim(), origin, clock);
    },
  };
}

/** A source that asks `fetch` when what it has ends soon, and asks it once for all who wait. */
export function fetchedTokenSource(origin: string, fetch: () => Promise<string>, clock: Clock): TokenSource {
  let current: BearerToken | null = null;
  let pending: Promise<BearerToken> | null = null;
  const refresh = async (): Promise<BearerToken> => {
    try {
      current = bearer(await fetch(), origin, clock);
      return current;
    } finally {
      pending = null;
    }
  };
  return {
    origin,
    token(need) {
      const usable = current !== null && current.expiresAt > clock.now() + FRESH && !(need?.laterThan !== undefined && current.expiresAt <= need.laterThan);
      if (usable && current !== null) return Promise.resolve(current);
      pending ??= refresh();
      return pending;
    },
  };
}

/** A token must live at least this long to be worth presenting, milliseconds. */
const FRESH = 10_000;
