/** A scanner of answers that reads counts: numbers that are a hidden value, or the code of its first character, beside what cells spell. */
import { type Reply, rowsOf } from '../support/raw-client.js';
import { CANARIES } from './canary-values.js';
import { PIN } from './canary-world.js';

const SSN = CANARIES[0]?.text ?? '';

/** What cells, and columns read from the first row to the last, say of the pin, of the text, and of its first character, K, which is 75. */
export function told(replies: readonly Reply[]): string[] {
  const columns: string[] = [];
  const found: string[] = [];
  for (const row of rowsOf(replies)) {
    for (const [index, cell] of row.entries()) {
      columns[index] = (columns[index] ?? '') + (cell ?? '');
      if (cell !== null && new RegExp(`\\b(?:${String(PIN)}|${String(PIN - 1)}|75)\\b|actual rows=(?:61|75)|Kq7X`).test(cell)) found.push(cell);
    }
  }
  return [...found, ...columns.filter((column) => column.includes(SSN.slice(0, 4)))];
}
