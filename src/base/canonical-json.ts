/**
 * Canonical JSON in the manner of RFC 8785: keys in order of UTF-16 code units, no white space, numbers and strings as ECMAScript
 * writes them. Two values with the same content give the same text, so a digest over it names the content and not its layout.
 */

/** Whether `text` is the canonical text of `value`, which was parsed from it. */
export function isCanonicalJson(text: string, value: unknown): boolean {
  // JSON.stringify keeps the order in which keys were parsed: when the text is the same, only that order is left to look at.
  return JSON.stringify(value) === text ? isInOrder(value) : canonicalJson(value) === text;
}

function isInOrder(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isInOrder);
  let before: string | null = null;
  for (const key of Object.keys(value)) {
    if (before !== null && key < before) return false;
    before = key;
    if (!isInOrder((value as Record<string, unknown>)[key])) return false;
  }
  return true;
}

/** The canonical text of a JSON value. Keys whose value is undefined are left out, as in JSON. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members: string[] = [];
    for (const key of Object.keys(value).sort()) {
      const member: unknown = (value as Record<string, unknown>)[key];
      if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
    }
    return `{${members.join(',')}}`;
  }
  return value === undefined ? 'null' : JSON.stringify(value);
}
