/**
 * The text to record when the exact text holds a password: the same with the literals that the walker marked replaced by '***'. Stops the
 * attack "read the password in the audit log". When the literal cannot be found, everything after the mark is withheld.
 */
import { scan } from './parser.js';

/** A string constant as it is written, whatever its prefix: the lexer's own names leave U&'…' out. */
const STRING = /^(?:(?:[ebx]|u&)?'|\$(?!\d))/i;

/** `secrets`: byte offsets; for each the first string constant at or after it goes. Null when there are none. */
export function redact(text: string, secrets: readonly number[]): string | null {
  if (secrets.length === 0) return null;
  const bytes = Buffer.from(text, 'utf8');
  const constants = (scan(text) ?? []).filter((token) => STRING.test(token.text));
  let redacted = '';
  let at = 0;
  let next = 0;
  for (const offset of [...secrets].sort((a, b) => a - b)) {
    if (offset < at) continue;
    while (next < constants.length && (constants[next]?.start ?? 0) < offset) next++;
    const literal = constants[next];
    if (literal === undefined) return `${redacted}${bytes.toString('utf8', at, offset)} '***'`;
    redacted += `${bytes.toString('utf8', at, literal.start)}'***'`;
    at = literal.end;
  }
  return redacted + bytes.toString('utf8', at);
}

/** The same for a text that does not parse: what follows the word is withheld, for nothing says where the secret ends. */
export function redactUnparsed(text: string): string | null {
  const found = /password/i.exec(text);
  return found === null ? null : `${text.slice(0, found.index)}password '***'`;
}
