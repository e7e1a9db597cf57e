/**
 * A value as an entry says it, in the log and in the journal alike: a text has a bound, and no half of a character, which RFC 8785 does not let
 * canonical JSON have and which a client can send, or the cut can leave. Pure.
 */
import { toUSVString } from 'node:util';

/** Longest text of one field, UTF-16 units; a longer one is cut and ends in `…`. */
const TEXT_LIMIT = 2_000;

/** Texts in lists and objects have no bound here: nobody but the gateway makes them. */
export function entryValue<Value>(value: Value): Value {
  return (typeof value === 'string' && value.length > TEXT_LIMIT ? `${toUSVString(value.slice(0, TEXT_LIMIT - 1))}…` : wellFormed(value)) as Value;
}

function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return toUSVString(value);
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, wellFormed(each)]));
}
