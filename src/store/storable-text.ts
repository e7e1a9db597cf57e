/**
 * Text from outside (client names, reasons, claims: untrusted) in a form that PostgreSQL can hold: no NUL, no lone surrogate, bounded.
 * Without it one hostile client name would make a whole batch of rows fail for ever.
 */
const UNSTORABLE = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Longest text kept, UTF-16 units. */
const LIMIT = 2_000;

export function storable(text: string): string {
  return text.slice(0, LIMIT).replace(UNSTORABLE, '\ufffd');
}

export function storableOrNull(text: string | null): string | null {
  return text === null ? null : storable(text);
}

/**
 * A JSON document that a `jsonb` column takes. Nothing is cut: a document is stored as it is or not at all; NUL and lone surrogates, which
 * `jsonb` refuses, are replaced in its texts (exact bytes stand in it as base64, and are not touched).
 */
export function storableDocument(value: object): string {
  return JSON.stringify(value, (_key, each: unknown) => (typeof each === 'string' ? each.replace(UNSTORABLE, '\ufffd') : each));
}
