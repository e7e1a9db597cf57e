/** RowDescription as fields (PostgreSQL documentation, "Message Formats"). The server is untrusted: what does not fit gives null. */
import { stringEnd } from '../codec/message.js';

export interface Field {
  readonly name: string;
  /** Of the column that it is, as it is; 0: it is none. */
  readonly relation: number;
  readonly column: number;
  readonly type: number;
  /** 0: text, 1: binary. */
  readonly format: number;
}

const FIXED = 18;

/** The body of a RowDescription at `buffer[start..end)`. */
export function readRowDescription(buffer: Buffer, start: number, end: number): readonly Field[] | null {
  if (end - start < 2) return null;
  const count = buffer.readUInt16BE(start);
  const fields: Field[] = [];
  let at = start + 2;
  for (let i = 0; i < count; i++) {
    const stop = stringEnd(buffer, at, end);
    if (stop < 0 || stop + 1 + FIXED > end) return null;
    const fixed = stop + 1;
    fields.push({
      name: buffer.toString('utf8', at, stop),
      relation: buffer.readUInt32BE(fixed),
      column: buffer.readInt16BE(fixed + 4),
      type: buffer.readUInt32BE(fixed + 6),
      format: buffer.readUInt16BE(fixed + 16),
    });
    at = fixed + FIXED;
  }
  return at === end ? fields : null;
}
