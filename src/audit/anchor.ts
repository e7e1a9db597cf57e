/** How far a log is, as entries of the logs of a gateway say it: a checkpoint, with its root in hex. */
import type { Checkpoint } from './checkpoint.js';

/** How far a log of this gateway was: it can never be shorter again, nor have another root there. */
export interface Anchor {
  readonly log: string;
  readonly size: number;
  readonly root: string;
}

export const anchorOf = ({ origin, size, root }: Checkpoint): Anchor => ({ log: origin, size, root: root.toString('hex') });

export const checkpointOf = ({ log, size, root }: Anchor): Checkpoint => ({ origin: log, size, root: Buffer.from(root, 'hex') });

/** The anchors in a list of an entry, whatever else stands there. */
export function anchorsOf(value: unknown): Anchor[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: unknown) => {
    const { log, size, root } = (typeof each === 'object' && each !== null ? each : {}) as Partial<Record<keyof Anchor, unknown>>;
    return typeof log === 'string' && Number.isSafeInteger(size) && typeof root === 'string' && /^[0-9a-f]{64}$/.test(root)
      ? [{ log, size: size as number, root }]
      : [];
  });
}
