/**
 * How somebody proved who they are, in the words of their identity provider: `amr` (methods, RFC 8176) and `acr` (class, OpenID Connect Core 1.0
 * section 2) of the verified token. In a token that somebody acts with for another one (RFC 8693) they are that other one's.
 */

export interface Authentication {
  /** In the order of the token; left out: the provider says none. */
  readonly amr?: readonly string[];
  /** Left out: the provider says none. */
  readonly acr?: string;
}

/** More methods, or longer words, are nobody's. */
const METHODS = 16;
const WORD = /^[\x21-\x7e]{1,128}$/;

const isWord = (value: unknown): value is string => typeof value === 'string' && WORD.test(value);

/** For the record and for people: what is no method or class is passed over, as if it were not said. A lone method may be a text. */
export function authenticationOf(claims: Readonly<Record<string, unknown>>): Authentication {
  const { amr, acr } = claims;
  const methods = (Array.isArray(amr) ? (amr as unknown[]) : [amr]).filter(isWord).slice(0, METHODS);
  return { ...(methods.length === 0 ? {} : { amr: methods }), ...(isWord(acr) ? { acr } : {}) };
}

/** The same as texts, methods separated by a space, for entries of the log. */
export function authenticationFields({ amr, acr }: Authentication): { readonly amr?: string; readonly acr?: string } {
  return { ...(amr === undefined ? {} : { amr: amr.join(' ') }), ...(acr === undefined ? {} : { acr }) };
}
