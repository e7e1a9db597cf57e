/** What the last line of an export says of the record. An export without such an end was cut off. */
import { INTACT_WORDS, NOT_INTACT_WORDS } from '../../contract/api-types.js';

export type ExportEnd = 'intact' | 'damaged' | 'missing';

export function exportEnd(lastLine: string): ExportEnd {
  const line = lastLine.trim();
  if (line.startsWith('{')) {
    try {
      const last = JSON.parse(line) as { readonly kind?: unknown; readonly intact?: unknown };
      return last.kind !== 'integrity' ? 'missing' : last.intact === true ? 'intact' : 'damaged';
    } catch (cause) {
      // Half a line: the rest did not come.
      if (cause instanceof SyntaxError) return 'missing';
      throw cause;
    }
  }
  if (/^(--|#) /.test(line) && line.includes(NOT_INTACT_WORDS)) return 'damaged';
  return /^(--|#) /.test(line) && line.includes(INTACT_WORDS) ? 'intact' : 'missing';
}
