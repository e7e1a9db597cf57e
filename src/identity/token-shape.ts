/**
 * What can be said of a token before any of it is believed: size, form, header, and whose it claims to be. Everything here is untrusted
 * input from the network; the only use of the claimed issuer is to choose which issuer's own keys must have signed the token.
 */
import { decodeJwt, decodeProtectedHeader, type JWSHeaderParameters } from 'jose';
import { GwError } from '../contract/gw-error.js';

const MAX_TOKEN = 16 * 1024;
const MAX_KEY_ID = 512;
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/;
/** Headers that bring or point to a key of the sender's choice. */
const FOREIGN_KEYS = ['jwk', 'jku', 'x5u', 'x5c'];
const TYPES = ['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt'];

export interface TokenShape {
  readonly header: JWSHeaderParameters;
  /** The unverified `iss`. */
  readonly claimedIssuer: string;
}

const refused = (message: string, cause?: unknown): GwError => new GwError('login.token_invalid', message, { cause });

/** The first check of all, before the token is hashed or read. @throws GwError `login.token_invalid` */
export function requireTokenSize(token: string): void {
  if (token === '') throw refused('The token is empty.');
  if (token.length > MAX_TOKEN) throw refused('The token is larger than 16 KiB.');
}

/** @throws GwError `login.token_invalid`; the message never repeats what the token says. */
export function readTokenShape(token: string): TokenShape {
  if (!COMPACT.test(token)) throw refused(token.split('.').length === 5 ? 'The token is encrypted, which is not supported.' : 'The token is not a signed JWT.');
  let header: JWSHeaderParameters;
  let issuer: unknown;
  try {
    header = decodeProtectedHeader(token);
    issuer = decodeJwt(token).iss;
  } catch (cause) {
    throw refused('The token is not a signed JWT.', cause);
  }
  if (typeof header.alg !== 'string') throw refused('The token names no signature algorithm.');
  if (header.crit !== undefined || 'b64' in header) throw refused('The token demands extensions that are not supported (header "crit").');
  const foreign = FOREIGN_KEYS.find((name) => name in header);
  if (foreign !== undefined) throw refused(`The token brings its own key (header "${foreign}"), which proves nothing.`);
  if (header.kid !== undefined && (typeof header.kid !== 'string' || header.kid.length > MAX_KEY_ID))
    throw refused('The key id of the token (header "kid") is not usable.');
  if (header.typ !== undefined && (typeof header.typ !== 'string' || !TYPES.includes(header.typ.toLowerCase()))) {
    throw refused('The token is neither an ID token nor an access token (header "typ").');
  }
  if (typeof issuer !== 'string') throw refused('The token names no issuer (claim "iss").');
  return { header, claimedIssuer: issuer };
}
