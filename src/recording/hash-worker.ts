/**
 * The worker thread of a journal: hashes chunks of long results and seals segments, so that neither takes time from the event loop that
 * carries the sessions. Buffers of chunks come and go by transfer, not by copy. Run by `chunk-hasher` and `background-seal` only.
 */
import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { sealSegment } from './seal-segment.js';

export type WorkerRequest =
  | { readonly kind: 'chunk'; readonly id: number; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: 'seal'; readonly id: number; readonly path: string; readonly final: boolean; readonly time: number };

export type WorkerReply =
  | { readonly kind: 'chunk'; readonly id: number; readonly buffer: ArrayBuffer; readonly digest: Uint8Array }
  | { readonly kind: 'seal'; readonly id: number; readonly problem: string | null };

const port = parentPort;
if (port !== null) {
  port.on('message', (request: WorkerRequest) => {
    if (request.kind === 'chunk') {
      const digest = new Uint8Array(hash('sha256', new Uint8Array(request.buffer, 0, request.length), 'buffer'));
      port.postMessage({ kind: 'chunk', id: request.id, buffer: request.buffer, digest } satisfies WorkerReply, [request.buffer]);
      return;
    }
    sealSegment(request.path, { final: request.final, time: request.time }).then(
      () => port.postMessage({ kind: 'seal', id: request.id, problem: null } satisfies WorkerReply),
      (thrown: unknown) => port.postMessage({ kind: 'seal', id: request.id, problem: String(thrown) } satisfies WorkerReply),
    );
  });
}
