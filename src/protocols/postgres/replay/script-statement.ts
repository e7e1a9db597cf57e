/**
 * A recorded text as it can stand in a script that psql runs. Untrusted: a text whose quotes or comments do not end would swallow what follows, a
 * backslash outside of them is a command of psql's own (`\!` runs a program), and a COPY from the client reads the script as its data. For
 * each of these there is no statement.
 */
export function scriptStatement(text: string): string | null {
  const trimmed = text.trimEnd();
  const end = scan(trimmed);
  if (end === null || /\bstdin\b/i.test(trimmed)) return null;
  if (trimmed.endsWith(';') && end === 'plain') return trimmed;
  return end === 'comment' ? `${trimmed}\n;` : `${trimmed};`;
}

/** Where the text ends: outside of everything, or in a comment to the end of the line. Null: it cannot stand in a script. */
function scan(text: string): 'plain' | 'comment' | null {
  let at = 0;
  while (at < text.length) {
    const next = text.startsWith('--', at) ? lineEnd(text, at) : text.startsWith('/*', at) ? commentEnd(text, at) : tokenEnd(text, at);
    if (next === null) return null;
    if (next > text.length) return 'comment';
    at = next;
  }
  return 'plain';
}

/** Behind the line break; past the text when there is none. */
function lineEnd(text: string, at: number): number {
  const found = text.slice(at).search(/[\n\r]/);
  return found < 0 ? text.length + 1 : at + found + 1;
}

/** Comments nest. */
function commentEnd(text: string, from: number): number | null {
  let depth = 0;
  for (const { 0: mark, index } of text.slice(from).matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1;
    if (depth === 0) return from + index + 2;
  }
  return null;
}

const TOKEN = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d+|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[\s\S]/uy;

function tokenEnd(text: string, at: number): number | null {
  TOKEN.lastIndex = at;
  const token = TOKEN.exec(text)?.[0] ?? '';
  const end = at + token.length;
  if (token === '\\') return null;
  if (token === "'" || token === '"') return quoteEnd(text, end, token, false);
  if (/^e$/i.test(token) && text[end] === "'") return quoteEnd(text, end + 1, "'", true);
  if (token.length > 1 && token.startsWith('$')) {
    const close = text.indexOf(token, end);
    return close < 0 ? null : close + token.length;
  }
  return end;
}

/** A doubled quote reads as an end and a new beginning, which comes to the same. */
function quoteEnd(text: string, from: number, quote: string, escapes: boolean): number | null {
  for (let at = from; at < text.length; at++) {
    if (escapes && text[at] === '\\') at++;
    else if (escapes && text[at] === quote && text[at + 1] === quote) at++;
    else if (text[at] === quote) return at + 1;
  }
  return null;
}
