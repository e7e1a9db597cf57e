/**
 * A worker thread of a journal: hashes chunks of long results or seals segments, so that neither takes time from the event loop that
 * carries the sessions. Chunks stand in memory that both threads see. Run by `chunk-hasher` and `background-seal` only.
 */
import { hash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { GwError } from '../contract/gw-error.js';
import { DamagedSegment, sealSegment } from './seal-segment.js';
import type { SegmentFooter } from './segment-layout.js';

export interface WorkerOptions {
  /** The thread steps back behind every other one that wants the processor: nobody waits for a seal. */
  readonly patient: boolean;
  /** Where chunks stand; null: it is asked to hash none. */
  readonly memory: SharedArrayBuffer | null;
}

export type WorkerRequest =
  | { readonly kind: 'chunk'; readonly id: number; readonly offset: number; readonly length: number }
  | { readonly kind: 'seal'; readonly id: number; readonly path: string; readonly final: boolean; readonly time: number };

export type WorkerReply =
  | { readonly kind: 'chunk'; readonly id: number; readonly digest: Uint8Array }
  | { readonly kind: 'seal'; readonly id: number; readonly problem: string; readonly damaged: boolean; readonly footer: null }
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

const { patient, memory } = workerData as WorkerOptions;

if (patient) {
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
      if (memory === null) throw new GwError('internal.error', 'A thread without shared memory was asked to hash a chunk of it.');
      const digest = new Uint8Array(hash('sha256', new Uint8Array(memory, request.offset, request.length), 'buffer'));
      port.postMessage({ kind: 'chunk', id: request.id, digest } satisfies WorkerReply);
      return;
    }
    sealSegment(request.path, { final: request.final, time: request.time }).then(
      (footer) => port.postMessage({ kind: 'seal', id: request.id, problem: null, footer } satisfies WorkerReply),
      (thrown: unknown) => {
        const damaged = thrown instanceof DamagedSegment;
        const problem = damaged ? thrown.problem : String(thrown);
        port.postMessage({ kind: 'seal', id: request.id, problem, damaged, footer: null } satisfies WorkerReply);
      },
    );
  });
}
