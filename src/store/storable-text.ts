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
