/**
 * A worker thread of a journal: hashes chunks of long results or seals segments, so that neither takes time from the event loop that
 * carries the sessions. Buffers of chunks come and go by transfer, not by copy. A thread that was started as `patient` also steps back
 * behind every other thread that wants the processor: nobody waits for a seal. Run by `chunk-hasher` and `background-seal` only.
 */
import { hash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { GwError } from '../contract/gw-error.js';
import { sealSegment } from './seal-segment.js';
import type { SegmentFooter } from './segment-layout.js';

export type WorkerRequest =
  | { readonly kind: 'chunk'; readonly id: number; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: 'seal'; readonly id: number; readonly path: string; readonly final: boolean; readonly time: number };

export type WorkerReply =
  | { readonly kind: 'chunk'; readonly id: number; readonly buffer: ArrayBuffer; readonly digest: Uint8Array }
  | { readonly kind: 'seal'; readonly id: number; readonly problem: string; readonly footer: null }
  | { readonly kind: 'seal'; readonly id: number; readonly problem: null; readonly footer: SegmentFooter };

/** Niceness of a patient thread: under full load it still gets about a tenth of a processor. */
const PATIENT = 10;

/** Linux keeps niceness by thread. Elsewhere an id of a thread means nothing, and the thread stays as it is. */
function stepBack(): void {
  if (process.platform !== 'linux') return;
  const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  if (!Number.isSafeInteger(thread) || thread === process.pid) throw new GwError('internal.error', 'A worker thread does not know its own id.');
  setPriority(thread, PATIENT);
}

if (workerData === 'patient') {
  try {
    stepBack();
  } catch (thrown) {
    // Without /proc, or where a sandbox forbids it, sealing competes like any other work: slower, no less sure.
    process.emitWarning(`Sealing runs at normal priority: ${String(thrown)}`);
  }
}

const port = parentPort;
if (port !== null) {
  port.on('message', (request: WorkerRequest) => {
    if (request.kind === 'chunk') {
      const digest = new Uint8Array(hash('sha256', new Uint8Array(request.buffer, 0, request.length), 'buffer'));
      port.postMessage({ kind: 'chunk', id: request.id, buffer: request.buffer, digest } satisfies WorkerReply, [request.buffer]);
      return;
    }
    sealSegment(request.path, { final: request.final, time: request.time }).then(
      (footer) => port.postMessage({ kind: 'seal', id: request.id, problem: null, footer } satisfies WorkerReply),
      (thrown: unknown) => port.postMessage({ kind: 'seal', id: request.id, problem: String(thrown), footer: null } satisfies WorkerReply),
    );
  });
}
