/**
 * Header, footer and leaf of a segment as bytes (docs/spec/journal.md). Pure: data in, data out. Parsing treats its input as hostile: a file
 * may have been changed by anyone who can write to the disk.
 */
import { hash } from 'node:crypto';
import { GwError } from '../contract/gw-error.js';
import { CHAIN_BYTES, FRAME_HEAD_BYTES, FRAME_SEAL, getU48, MAGIC, NAME_BYTES, setU48, VERSION } from './format.js';

export interface SegmentHeader {
  readonly version: number;
  readonly segment: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Chain value after the last commit frame of the segment before; zeros in the first segment. */
  readonly previous: Buffer;
  readonly bootId: string;
  readonly gateway: string;
}

/** Entries of one session within a segment, for readers that look for one session only. */
export interface SessionRange {
  readonly session: number;
  readonly first: number;
  readonly last: number;
}

export interface SegmentFooter {
  readonly entries: number;
  readonly frames: number;
  readonly root: Buffer;
  /** True on the last segment of a journal: nothing may follow. */
  readonly final: boolean;
  readonly sessions: readonly SessionRange[];
}

const HEADER_FIXED = 50;
const FOOTER_FIXED = 49;
const RANGE_BYTES = 16;
/** Longest header: boot id and gateway name of `NAME_BYTES` each. */
export const HEADER_MAX_BYTES = HEADER_FIXED + 1 + 2 + 2 * NAME_BYTES + CHAIN_BYTES;

const BOOT_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether a name may be a worker's boot id, and so a directory. */
export function isBootId(name: string): boolean {
  return BOOT_ID.test(name);
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const boot = Buffer.from(header.bootId, 'latin1');
  const gateway = Buffer.from(header.gateway, 'utf8');
  if (!isBootId(header.bootId) || gateway.length > NAME_BYTES) {
    throw new GwError('config.invalid', `The journal cannot carry the gateway name or worker id: a name takes at most ${NAME_BYTES} bytes.`, {
      hint: 'Give the gateway a shorter name.',
    });
  }
  const length = HEADER_FIXED + 1 + boot.length + 2 + gateway.length + CHAIN_BYTES;
  const bytes = Buffer.alloc(length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  view.setUint32(0, MAGIC);
  view.setUint16(4, header.version);
  view.setUint16(6, length);
  view.setUint32(8, header.segment);
  setU48(view, 12, header.createdAt);
  bytes.set(header.previous, 18);
  view.setUint8(HEADER_FIXED, boot.length);
  bytes.set(boot, HEADER_FIXED + 1);
  view.setUint16(HEADER_FIXED + 1 + boot.length, gateway.length);
  bytes.set(gateway, HEADER_FIXED + 3 + boot.length);
  bytes.set(hash('sha256', bytes.subarray(0, length - CHAIN_BYTES), 'buffer'), length - CHAIN_BYTES);
  return bytes;
}

/** The chain value with which a segment's frames begin: the hash at the end of its header. */
export function headerChain(header: Buffer): Buffer {
  return header.subarray(header.length - CHAIN_BYTES);
}

/**
 * Parses the header at the start of `bytes`.
 * @returns the header and its length, or in words why it is not one.
 */
export function parseHeader(bytes: Buffer): { readonly header: SegmentHeader; readonly length: number; readonly chain: Buffer } | string {
  if (bytes.length < HEADER_FIXED + 3 + CHAIN_BYTES) return 'the file is shorter than a segment header';
  if (bytes.readUInt32BE(0) !== MAGIC) return 'the file does not begin with GWJ1';
  const version = bytes.readUInt16BE(4);
  if (version !== VERSION.plain && version !== VERSION.encrypted) return `format version ${version} is not known`;
  const length = bytes.readUInt16BE(6);
  const bootBytes = bytes.readUInt8(HEADER_FIXED);
  const gatewayAt = HEADER_FIXED + 3 + bootBytes;
  if (length > HEADER_MAX_BYTES || length > bytes.length || gatewayAt + CHAIN_BYTES > length) return 'the header is cut off or its lengths disagree';
  const gatewayBytes = bytes.readUInt16BE(gatewayAt - 2);
  if (gatewayAt + gatewayBytes + CHAIN_BYTES !== length) return 'the lengths in the header disagree';
  const chain = Buffer.from(bytes.subarray(length - CHAIN_BYTES, length));
  if (!hash('sha256', bytes.subarray(0, length - CHAIN_BYTES), 'buffer').equals(chain)) return 'the hash of the header does not match it';
  return {
    header: {
      version,
      segment: bytes.readUInt32BE(8),
      createdAt: getU48(bytes, 12),
      previous: Buffer.from(bytes.subarray(18, HEADER_FIXED)),
      bootId: bytes.toString('latin1', HEADER_FIXED + 1, HEADER_FIXED + 1 + bootBytes),
      gateway: bytes.toString('utf8', gatewayAt, gatewayAt + gatewayBytes),
    },
    length,
    chain,
  };
}

/** A whole seal frame: head, body and chain, continuing `previous`. */
export function encodeSeal(footer: SegmentFooter, previous: Buffer, time: number): Buffer {
  const length = FOOTER_FIXED + footer.sessions.length * RANGE_BYTES;
  const all = Buffer.alloc(CHAIN_BYTES + FRAME_HEAD_BYTES + length + CHAIN_BYTES);
  const view = new DataView(all.buffer, all.byteOffset, all.length);
  all.set(previous, 0);
  view.setUint32(CHAIN_BYTES, length);
  view.setUint16(CHAIN_BYTES + 4, FRAME_SEAL << 8);
  setU48(view, CHAIN_BYTES + 6, time);
  let at = CHAIN_BYTES + FRAME_HEAD_BYTES;
  setU48(view, at, footer.entries);
  setU48(view, at + 6, footer.frames);
  view.setUint8(at + 12, footer.final ? 1 : 0);
  all.set(footer.root, at + 13);
  view.setUint32(at + 45, footer.sessions.length);
  at += FOOTER_FIXED;
  for (const range of footer.sessions) {
    view.setUint32(at, range.session);
    setU48(view, at + 4, range.first);
    setU48(view, at + 10, range.last);
    at += RANGE_BYTES;
  }
  all.set(hash('sha256', all.subarray(0, at), 'buffer'), at);
  return all.subarray(CHAIN_BYTES);
}

export function parseFooter(body: Buffer): SegmentFooter | string {
  if (body.length < FOOTER_FIXED) return 'the footer is too short';
  const count = body.readUInt32BE(45);
  if (body.length !== FOOTER_FIXED + count * RANGE_BYTES) return 'the footer has another length than its number of sessions needs';
  const sessions: SessionRange[] = [];
  for (let i = 0, at = FOOTER_FIXED; i < count; i++, at += RANGE_BYTES) {
    sessions.push({ session: body.readUInt32BE(at), first: getU48(body, at + 4), last: getU48(body, at + 10) });
  }
  return { entries: getU48(body, 0), frames: getU48(body, 6), final: body.readUInt8(12) === 1, root: Buffer.from(body.subarray(13, 45)), sessions };
}

const LEAF_PREFIX_BYTES = 7;
/** Its first byte is 0x00, the next six are `leafTime`. */
const leafBuffer = Buffer.alloc(64 * 1024);
let leafTime = 0;
/** Views of the beginning of `leafBuffer` by length: most entries are short, and making a view costs as much as the hash does. */
const leafViews: (Buffer | undefined)[] = new Array<undefined>(1024).fill(undefined);
/** Shorter entries are copied in a loop: a call costs more. */
const LEAF_LOOP_BYTES = 160;

/**
 * What the RFC 6962 leaf hash of an entry is taken of: 0x00 ‖ u48 time of its frame ‖ the entry after its length field, which is `body` from
 * `start` to `end`. Valid until the next call.
 */
export function leafBytes(time: number, body: Buffer, start = 0, end = body.length): Buffer {
  const length = LEAF_PREFIX_BYTES + end - start;
  if (length > leafBuffer.length) {
    const leaf = Buffer.alloc(length);
    leaf.writeUIntBE(time, 1, 6);
    body.copy(leaf, LEAF_PREFIX_BYTES, start, end);
    return leaf;
  }
  if (time !== leafTime) leafBuffer.writeUIntBE(time, 1, 6);
  leafTime = time;
  if (end - start > LEAF_LOOP_BYTES) body.copy(leafBuffer, LEAF_PREFIX_BYTES, start, end);
  else for (let from = start, to = LEAF_PREFIX_BYTES; from < end; from++) leafBuffer[to++] = body[from] as number;
  return length < leafViews.length ? (leafViews[length] ??= leafBuffer.subarray(0, length)) : leafBuffer.subarray(0, length);
}
