/** Entry bundles (C2SP tlog-tiles): up to 256 leaves, each behind its length in two bytes, big-endian. Pure; a bundle read from disk is untrusted. */
import { GwError } from '../contract/gw-error.js';

/** Longest leaf, bytes. */
export const LEAF_BYTES = 65_535;

/** @throws GwError `recording.failed` for a leaf that is too long */
export function encodeBundle(leaves: readonly Buffer[]): Buffer {
  return Buffer.concat(
    leaves.flatMap((leaf) => {
      if (leaf.length > LEAF_BYTES) throw new GwError('recording.failed', `A leaf of the audit log takes ${leaf.length} bytes; at most ${LEAF_BYTES} fit.`);
      const head = Buffer.alloc(2);
      head.writeUInt16BE(leaf.length);
      return [head, leaf];
    }),
  );
}

/** @returns exactly `count` leaves, or null when the bundle does not hold just them */
export function decodeBundle(bytes: Buffer, count: number): Buffer[] | null {
  const leaves: Buffer[] = [];
  let at = 0;
  while (at < bytes.length && leaves.length < count) {
    if (at + 2 > bytes.length) return null;
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) return null;
    leaves.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return at === bytes.length && leaves.length === count ? leaves : null;
}
