/** What a sealed segment says of itself: this, and no more, becomes a leaf of the audit log, and anchors every entry of the segment there. */
import { join } from 'node:path';
import { GwError } from '../contract/gw-error.js';
import { listSegments, segmentName } from './journal-directory.js';
import { sealSegment } from './seal-segment.js';
import type { SegmentFooter } from './segment-layout.js';

export interface SealedSegment {
  readonly bootId: string;
  readonly segment: number;
  readonly entries: number;
  /** Merkle root over its entries, hex. */
  readonly root: string;
  /** The journal ends here. */
  readonly final: boolean;
  /** Session numbers with entries in it, and their counters. Session 0 is the gateway. */
  readonly sessions: readonly { readonly session: number; readonly first: number; readonly last: number }[];
}

export function sealedSegment(bootId: string, segment: number, { entries, root, final, sessions }: SegmentFooter): SealedSegment {
  return { bootId, segment, entries, root: root.toString('hex'), final, sessions };
}

/** All segments of a journal in which every segment is sealed. @throws GwError `recording.failed` when one does not verify */
export async function sealedSegments(directory: string, bootId: string): Promise<SealedSegment[]> {
  const numbers = await listSegments(directory);
  const sealed: SealedSegment[] = [];
  for (const number of numbers) {
    // It is sealed already, so this reads and checks it, and changes nothing.
    const footer = await sealSegment(join(directory, segmentName(number)), { final: number === numbers.at(-1), time: 0 });
    sealed.push(sealedSegment(bootId, number, footer));
  }
  if (sealed.at(-1)?.final !== true) throw new GwError('recording.failed', `The journal ${bootId} has no final segment.`);
  return sealed;
}
