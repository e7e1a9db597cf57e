/**
 * Text from elsewhere (names, reasons, statements, results: untrusted) made safe to show: nobody's text can move the cursor, recolour the
 * screen or hide a word (redteam 6h).
 */

/**
 * Control characters, those that reorder text, those that are not drawn at all (so that two names look like one), and spaces that are none:
 * PostgreSQL reads a no-break space as a letter.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One line that shows every character of `text`: nothing in it reaches the terminal as a command. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => ESCAPES[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** JSON with escapes of its own for the same characters, but for the line breaks between its parts: what it says stays the same. */
export function visibleJson(json: string): string {
  return json.replace(INVISIBLE, (character) => (character === '\n' ? character : character.split('').map(unitEscape).join('')));
}

/** Of a UTF-16 code unit, as JSON writes it. */
const unitEscape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** The same for text of several lines: line breaks and tabs stay. */
export function visibleLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.split('\t').map(visible).join('\t'))
    .join('\n');
}
