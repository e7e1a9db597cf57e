/**
 * How a packet is opened under each cipher that the library has compiled: AES-GCM (RFC 5647; OpenSSH's PROTOCOL, section 1.6), and AES-CTR with a
 * MAC over the packet as it is sent (`-etm`) or as it was before (RFC 4253 section 6.4). The library's object makes the keys, counts, and does the mathematics.
 */
import type { Decipher, GcmDecipher, MacDecipher } from 'ssh2/lib/protocol/Protocol.js';

export const LENGTH_BYTES = 4;
export const BLOCK_BYTES = 16;

export interface OpeningCipher {
  readonly decipher: Decipher;
  /** Bytes behind the packet that prove it. */
  readonly tagBytes: number;
  /** Bytes in front of what is a whole number of blocks. */
  readonly apart: number;
  /** Makes the first field of a packet readable, in place; once for each packet. */
  readLength(field: Buffer): void;
  /** Proves a whole packet and makes it readable, in place; its first field is so already. @throws Error where it is not right */
  open(packet: Buffer): void;
}

/** Is it the library's compiled AES-GCM, as this version of it has that? */
export function opensGcm(decipher: Decipher | undefined): decipher is GcmDecipher {
  if (decipher?.constructor.name !== 'AESGCMDecipherBinding') return false;
  const { _instance, inSeqno, _lenBytes } = decipher as Partial<GcmDecipher>;
  return typeof _instance?.decrypt === 'function' && typeof inSeqno === 'number' && _lenBytes === 0;
}

/** The same for AES-CTR with a MAC: the first field comes by itself, and nothing has been read. */
export function opensMac(decipher: Decipher | undefined): decipher is MacDecipher {
  if (decipher?.constructor.name !== 'GenericDecipherBinding') return false;
  const { _instance, inSeqno, _block, _blockPos, _macActualLen, _macETM } = decipher as Partial<MacDecipher>;
  const known = typeof _instance?.decrypt === 'function' && typeof _instance.decryptBlock === 'function' && typeof inSeqno === 'number';
  return known && _block?.length === LENGTH_BYTES && _blockPos === 0 && typeof _macActualLen === 'number' && typeof _macETM === 'boolean';
}

/** Null: the library reads by itself. */
export function openingCipher(decipher: Decipher | undefined): OpeningCipher | null {
  if (opensGcm(decipher)) return gcm(decipher);
  return opensMac(decipher) ? mac(decipher) : null;
}

function gcm(decipher: GcmDecipher): OpeningCipher {
  return {
    decipher,
    tagBytes: 16,
    apart: LENGTH_BYTES,
    readLength: () => undefined,
    open: (packet) => {
      const end = packet.length - 16;
      decipher._instance.decrypt(packet.subarray(LENGTH_BYTES, end), end - LENGTH_BYTES, packet.subarray(end));
      decipher.inSeqno = (decipher.inSeqno + 1) >>> 0;
    },
  };
}

function mac(decipher: MacDecipher): OpeningCipher {
  const { _macActualLen: tagBytes, _macETM: first } = decipher;
  return {
    decipher,
    tagBytes,
    apart: first ? LENGTH_BYTES : 0,
    readLength: (field) => {
      if (!first) decipher._instance.decryptBlock(field);
    },
    open: (packet) => {
      const end = packet.length - tagBytes;
      decipher._instance.decrypt(packet.subarray(LENGTH_BYTES, end), decipher.inSeqno, packet.subarray(0, LENGTH_BYTES), packet.subarray(end));
      decipher.inSeqno = (decipher.inSeqno + 1) >>> 0;
    },
  };
}
