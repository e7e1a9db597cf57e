/** Seals a full segment on the worker thread, or here in short slices when there is no thread or the segment is too small to send it away. */
import { stat } from 'node:fs/promises';
import { GwError } from '../contract/gw-error.js';
import type { BackgroundThread } from './background-thread.js';
import { DamagedSegment, type SealOptions, sealSegment } from './seal-segment.js';
import type { SegmentFooter } from './segment-layout.js';

/** Starting a thread takes longer than sealing this much. */
const SMALL_BYTES = 1 << 20;

export async function sealInBackground(thread: BackgroundThread, path: string, options: SealOptions): Promise<SegmentFooter> {
  const { size } = await stat(path);
  if (!thread.available || size < SMALL_BYTES) {
    return sealSegment(path, options);
  }
  return new Promise<SegmentFooter>((resolve, reject) => {
    thread.seal(path, options.final, options.time, (reply) => {
      if (reply?.kind === 'seal' && reply.problem === null) resolve({ ...reply.footer, root: Buffer.from(reply.footer.root) });
      else if (reply?.kind === 'seal' && reply.damaged) reject(new DamagedSegment(reply.problem));
      else
        reject(
          new GwError('recording.failed', 'A segment of the journal could not be sealed.', {
            cause: reply?.kind === 'seal' ? reply.problem : 'the worker thread is gone',
          }),
        );
    });
  });
}
