/**
 * A thread that makes one evidence pack and posts its files as they come, so that the event loop that carries the sessions need not. At most so many
 * bytes are on their way; the texts of policies are asked for, because the state database is not reached from here. Run by `evidence-desk` only.
 */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { EvidenceExport } from '../contract/evidence-types.js';
import { type ErrorBody, GwError } from '../contract/gw-error.js';
import { type ExportRequest, exportPack, type PackPolicy } from '../evidence/index.js';
import { EntryOpener } from '../recording/index.js';
import { createPackTools } from './evidence-tools.js';

export interface ThreadRequest extends Pick<ExportRequest, 'logs' | 'journalDir' | 'rotations' | 'scope'> {
  readonly keys: readonly KeyObject[];
  /** How long to wait for the period to be closed, milliseconds. */
  readonly patience: number;
}

export type ThreadMessage =
  | { readonly kind: 'progress'; readonly what: string; readonly part: number }
  | { readonly kind: 'file'; readonly path: string; readonly bytes: Uint8Array; readonly last: boolean }
  | { readonly kind: 'policy'; readonly digest: string }
  /** The key of a journal is wanted. */
  | { readonly kind: 'key'; readonly journal: string }
  | { readonly kind: 'end'; readonly result: EvidenceExport }
  /** `trace` is for the log of the gateway. */
  | { readonly kind: 'failed'; readonly error: ErrorBody['error']; readonly trace: string };

export type ThreadAnswer =
  | { readonly kind: 'taken'; readonly bytes: number }
  /** Null: the journal is not encrypted, or `error` says why its key cannot be had. */
  | { readonly kind: 'key'; readonly journal: string; readonly key: Uint8Array | null; readonly error: ErrorBody['error'] | null }
  | { readonly kind: 'policy'; readonly digest: string; readonly policy: PackPolicy | null };

/** Bytes on their way. */
const WINDOW = 4 << 20;
const AGAIN_MS = 100;

class Outbox {
  readonly #policies = new Map<string, (policy: PackPolicy | null) => void>();
  readonly #keys = new Map<string, { resolve(key: Buffer | null): void; reject(error: GwError): void }>();
  #onTheWay = 0;
  #wake: (() => void) | null = null;

  post(message: ThreadMessage): void {
    parentPort?.postMessage(message);
  }

  async write(path: string, bytes: Buffer, last: boolean): Promise<void> {
    // A copy: the writer goes on using its memory.
    this.#onTheWay += bytes.length;
    this.post({ kind: 'file', path, bytes: Uint8Array.from(bytes), last });
    while (this.#onTheWay > WINDOW) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  policy(digest: string): Promise<PackPolicy | null> {
    return new Promise((resolve) => {
      this.#policies.set(digest, resolve);
      this.post({ kind: 'policy', digest });
    });
  }

  key(journal: string): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      this.#keys.set(journal, { resolve, reject });
      this.post({ kind: 'key', journal });
    });
  }

  take(answer: ThreadAnswer): void {
    if (answer.kind === 'key') {
      const waiting = this.#keys.get(answer.journal);
      if (answer.error !== null) waiting?.reject(new GwError(answer.error.code, answer.error.message, { hint: answer.error.hint }));
      else waiting?.resolve(answer.key === null ? null : Buffer.from(answer.key));
      return;
    }
    if (answer.kind === 'policy') {
      this.#policies.get(answer.digest)?.(answer.policy);
      return;
    }
    this.#onTheWay -= answer.bytes;
    this.#wake?.();
  }
}

async function run({ logs, journalDir, rotations, keys, scope, patience }: ThreadRequest): Promise<void> {
  const outbox = new Outbox();
  parentPort?.on('message', (answer: ThreadAnswer) => outbox.take(answer));
  const tools = createPackTools((what, part) => outbox.post({ kind: 'progress', what, part }));
  const request: ExportRequest = {
    logs,
    journalDir,
    journalKeys: { opener: async (dir, journal) => new EntryOpener(join(dir, journal), await outbox.key(journal)) },
    // Buffers come as plain arrays of bytes.
    rotations: rotations.map((statement) => Buffer.from(statement)),
    keys,
    scope,
    policy: (digest) => outbox.policy(digest),
  };
  const until = Date.now() + patience;
  try {
    for (;;) {
      try {
        outbox.post({ kind: 'end', result: await exportPack(request, tools, outbox) });
        return;
      } catch (thrown) {
        // Nothing was written yet: the workers seal their journals just now.
        if (!(thrown instanceof GwError && thrown.code === 'evidence.open') || Date.now() > until) throw thrown;
        await delay(AGAIN_MS);
      }
    }
  } catch (thrown) {
    outbox.post({ kind: 'failed', error: GwError.from(thrown).toBody().error, trace: thrown instanceof Error ? (thrown.stack ?? '') : String(thrown) });
  } finally {
    parentPort?.close();
  }
}

await run(workerData as ThreadRequest);
