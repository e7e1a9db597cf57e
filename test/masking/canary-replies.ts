/**
 * The search for canaries in the messages of a server: in their bytes, and in what the fields of results, notices and notifications say one after the other, so that a value
 * that comes a character in each row is found like one that comes whole.
 */
import { fields, type Reply } from '../support/raw-client.js';
import { type Finding, findCanaries, findCanariesInDocument, findCanariesInRows } from './canary.js';

const COPY_SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');

/** Fields, each with its length in front; -1: NULL, which says nothing. */
function counted(bytes: Buffer, from: number, count: number): { readonly row: Buffer[]; readonly end: number } {
  const row: Buffer[] = [];
  let at = from;
  for (let left = count; left > 0 && at + 4 <= bytes.length; left--) {
    const size = Math.max(0, bytes.readInt32BE(at));
    row.push(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return { row, end: at };
}

/** Rows of a COPY in any format: text and CSV are cut where a field may end. */
function copiedRows(bytes: Buffer): Buffer[][] {
  if (!bytes.subarray(0, COPY_SIGNATURE.length).equals(COPY_SIGNATURE)) {
    const lines = bytes.toString('latin1').split('\n');
    return lines.map((line) => line.split(/[\t,]/).map((field) => Buffer.from(field.replace(/^"(.*)"$/, '$1').replaceAll('\\\\', '\\'), 'latin1')));
  }
  const rows: Buffer[][] = [];
  for (let at = COPY_SIGNATURE.length + 8; at + 2 <= bytes.length; ) {
    const count = bytes.readInt16BE(at);
    if (count < 0) break;
    const { row, end } = counted(bytes, at + 2, count);
    rows.push(row);
    at = end;
  }
  return rows;
}

function rowsIn(replies: readonly Reply[]): { readonly results: Buffer[][]; readonly said: Buffer[][] } {
  const results: Buffer[][] = [];
  const said: Buffer[][] = [];
  let copied: Buffer[] = [];
  for (const { type, body } of replies) {
    if (type === 'D') results.push(counted(body, 2, body.readUInt16BE(0)).row);
    else if (type === 'd') copied.push(body);
    else if (type === 'c') {
      results.push(...copiedRows(Buffer.concat(copied)));
      copied = [];
    } else if (type === 'N') said.push([Buffer.from(fields({ type, body })['M'] ?? '')]);
    else if (type === 'A') said.push([Buffer.from((body.subarray(4).toString('utf8').split('\0')[1] ?? '').trimEnd())]);
  }
  return { results, said };
}

/** What is found of canaries in these messages; in long runs of hex and base64 too, where those are asked for. */
export function canariesInReplies(replies: readonly Reply[]): Finding[] {
  const bytes = Buffer.concat(replies.map(({ body }) => body));
  const { results, said } = rowsIn(replies);
  const inside = findCanariesInDocument(bytes).map((each): Finding => ({ ...each, kind: `document: ${each.kind}` }));
  return [...findCanaries(bytes), ...findCanariesInRows(results), ...findCanariesInRows(said), ...inside];
}
