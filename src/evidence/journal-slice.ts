/**
 * A segment of a journal as a pack has it: every entry of the segment, in order, either as it is stored or, where it is not part of what the pack
 * discloses (results, other sessions, other times), as the hash of its Merkle leaf. So the root over all of them can be taken again by anyone, and
 * it is the root that stands in the log. Pure; a slice that is read is untrusted.
 *
 * `GWS1`, then for each entry: u8 1 ‖ u48 time of its frame ‖ u32 length ‖ entry without its length field; or u8 2 ‖ the same ‖ u32 length ‖ opening of
 * what is encrypted in it; or u8 0 ‖ 32 bytes of leaf hash.
 */
import { GwError } from '../contract/gw-error.js';

const MAGIC = Buffer.from('GWS1');
const HASH_BYTES = 32;
const HEAD_BYTES = 11;
const DISCLOSED = 1;
const OPENED = 2;
const ENTRY_LIMIT = 4 << 20;

export const SLICE_MAGIC: Buffer = MAGIC;

export function slicePath(journal: string, segment: number): string {
  return `journal/${journal}/${String(segment).padStart(6, '0')}.gws`;
}

export function encodeDisclosed(time: number, raw: Buffer, opening: Buffer | null): Buffer {
  const end = HEAD_BYTES + raw.length;
  const bytes = Buffer.allocUnsafe(opening === null ? end : end + 4 + opening.length);
  bytes[0] = opening === null ? DISCLOSED : OPENED;
  bytes.writeUIntBE(time, 1, 6);
  bytes.writeUInt32BE(raw.length, 7);
  raw.copy(bytes, HEAD_BYTES);
  if (opening !== null) {
    bytes.writeUInt32BE(opening.length, end);
    opening.copy(bytes, end + 4);
  }
  return bytes;
}

export function encodeWithheld(hash: Buffer): Buffer {
  const bytes = Buffer.alloc(1 + HASH_BYTES);
  hash.copy(bytes, 1);
  return bytes;
}

export type SliceItem =
  | { readonly kind: 'disclosed'; readonly time: number; readonly raw: Buffer; readonly opening: Buffer | null }
  | { readonly kind: 'withheld'; readonly hash: Buffer };

/** The entries of a slice, out of its bytes as they come. @throws GwError `evidence.invalid` for what is no slice */
export async function* readSlice(path: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<readonly SliceItem[], void> {
  let held: Buffer = Buffer.alloc(0);
  let begun = false;
  for await (const chunk of chunks) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    let at = 0;
    if (!begun) {
      if (held.length < MAGIC.length) continue;
      if (!held.subarray(0, MAGIC.length).equals(MAGIC)) throw broken(path);
      begun = true;
      at = MAGIC.length;
    }
    const items: SliceItem[] = [];
    for (let end = itemEnd(held, at, path); end !== null; end = itemEnd(held, at, path)) {
      items.push(itemOf(held.subarray(at, end)));
      at = end;
    }
    held = Buffer.from(held.subarray(at));
    yield items;
  }
  if (!begun || held.length > 0) throw broken(path);
}

function itemOf(bytes: Buffer): SliceItem {
  if (bytes[0] === 0) return { kind: 'withheld', hash: bytes.subarray(1) };
  const end = HEAD_BYTES + bytes.readUInt32BE(7);
  const opening = bytes[0] === OPENED ? bytes.subarray(end + 4) : null;
  return { kind: 'disclosed', time: bytes.readUIntBE(1, 6), raw: bytes.subarray(HEAD_BYTES, end), opening };
}

/** Where the item at `at` ends; null: not all of it is here. */
function itemEnd(bytes: Buffer, at: number, path: string): number | null {
  const type = bytes[at];
  if (type === undefined) return null;
  if (type > OPENED) throw broken(path);
  if (type !== 0 && at + HEAD_BYTES > bytes.length) return null;
  let end = at + (type === 0 ? 1 + HASH_BYTES : HEAD_BYTES + bytes.readUInt32BE(at + 7));
  if (end > at + HEAD_BYTES + ENTRY_LIMIT) throw broken(path);
  if (type === OPENED) {
    if (end + 4 > bytes.length) return null;
    const length = bytes.readUInt32BE(end);
    if (length > ENTRY_LIMIT) throw broken(path);
    end += 4 + length;
  }
  return end <= bytes.length ? end : null;
}

function broken(path: string): GwError {
  return new GwError('evidence.invalid', `${path} is not a slice of a journal, or is cut off.`);
}
