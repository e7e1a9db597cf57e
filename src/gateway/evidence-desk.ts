/**
 * Evidence packs for the API: what was written up to now is sealed by every worker, a thread makes the pack, and its files go out as frames while they are
 * made; nothing of it stays on the gateway. One at a time for each worker, and none for a client that left. The caller has been recorded before.
 */
import type { KeyObject } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { EvidenceDesk } from '../api/index.js';
import { type AuditLog, readRotations } from '../audit/index.js';
import type { Logger } from '../base/logger.js';
import { ownProgram } from '../base/own-program.js';
import type { EvidenceFrame, EvidenceScope } from '../contract/evidence-types.js';
import { GwError } from '../contract/gw-error.js';
import type { PolicyStore } from '../contract/policy-store.js';
import type { Bus } from '../contract/session-store.js';
import type { GroupJournal, JournalKeyring } from '../recording/index.js';
import type { ThreadAnswer, ThreadMessage, ThreadRequest } from './evidence-thread.js';
import { journalDirectory } from './journal-keys.js';
import { listLogs, logDirectory } from './open-audit-trail.js';
import { packageVersion } from './package-version.js';

export interface EvidenceDeskOptions {
  readonly dataDir: string;
  readonly keys: () => Promise<readonly KeyObject[]>;
  readonly journalKeys: Pick<JournalKeyring, 'key'>;
  readonly policies: PolicyStore;
  readonly bus: Bus;
  readonly audit: AuditLog;
  readonly journal: Pick<GroupJournal, 'roll'>;
  readonly worker: string;
  readonly logger: Logger;
}

/** How long workers may take to seal. */
const PATIENCE_MS = 15_000;

export interface GatewayEvidence extends EvidenceDesk {
  close(): Promise<void>;
}

export function createEvidenceDesk(options: EvidenceDeskOptions): GatewayEvidence {
  const { bus, audit, journal, worker, logger, dataDir } = options;
  const journalDir = journalDirectory(dataDir);
  let running: Worker | null = null;
  bus.subscribe((event) => {
    if (event.kind !== 'journal.seal') return;
    // The entry is in the segment that is sealed, and shows in the log that nothing before it is missing.
    audit
      .record('evidence.seal', { worker, request: event.request })
      .then(() => journal.roll())
      .catch((err: unknown) => logger.error({ err }, 'the journal could not be sealed for an evidence pack'));
  });
  const start = async (scope: EvidenceScope): Promise<Worker> => {
    const logs = await listLogs(logDirectory(dataDir));
    const keys = await options.keys();
    const rotations = await readRotations(logDirectory(dataDir));
    const workerData: ThreadRequest = {
      logs,
      journalDir,
      rotations,
      keys,
      scope: { ...scope, version: packageVersion() },
      patience: PATIENCE_MS,
    };
    return new Worker(ownProgram('gateway/evidence-thread'), { name: 'gw-evidence', workerData, stdout: false, stderr: false });
  };
  let busy = false;
  return {
    export: async (scope, request, left) => {
      if (busy) throw new GwError('evidence.busy', 'The gateway is making another evidence pack.');
      busy = true;
      let thread: Worker | null = null;
      // Once: the desk may be another's by the time that all of this one has ended.
      let over = false;
      const free = (): void => {
        left.removeEventListener('abort', leave);
        if (over) return;
        over = true;
        running = null;
        busy = false;
      };
      const leave = (): void => {
        if (thread === null) return;
        void thread.terminate();
        free();
      };
      left.addEventListener('abort', leave);
      let frames: AsyncGenerator<Buffer, void>;
      try {
        running = thread = await start(scope);
        frames = framesOf(thread, options, left, free);
        if (left.aborted) leave();
      } catch (thrown) {
        free();
        throw thrown;
      }
      try {
        await bus.publish({ kind: 'journal.seal', request });
        return afterFirst(await frames.next(), frames);
      } catch (thrown) {
        await frames.return();
        await thread.terminate();
        free();
        throw thrown;
      }
    },
    close: async () => {
      await running?.terminate();
    },
  };
}

/** Ends the frames also when nobody began to read them. */
function afterFirst(first: IteratorResult<Buffer, void>, rest: AsyncGenerator<Buffer, void>): AsyncIterable<Buffer> {
  let waiting: IteratorResult<Buffer, void> | null = first;
  const next = (): Promise<IteratorResult<Buffer, void>> => {
    const now = waiting;
    waiting = null;
    return now === null ? rest.next() : Promise.resolve(now);
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: () => rest.return() }) };
}

/** The first frame comes when the first file has begun: what goes wrong before that rejects, and can still be told as an error. */
async function* framesOf(
  thread: Worker,
  { policies, journalKeys, dataDir, logger }: EvidenceDeskOptions,
  left: AbortSignal,
  done: () => void,
): AsyncGenerator<Buffer, void> {
  const messages: Exclude<ThreadMessage, { readonly kind: 'policy' | 'key' }>[] = [];
  let ended = false;
  let wake: (() => void) | null = null;
  const answer = (message: ThreadAnswer): void => thread.postMessage(message);
  thread.on('message', (message: ThreadMessage) => {
    if (message.kind === 'key') {
      const { journal } = message;
      journalKeys.key(journalDirectory(dataDir), journal).then(
        (key) => answer({ kind: 'key', journal, key, error: null }),
        (thrown: unknown) => answer({ kind: 'key', journal, key: null, error: GwError.from(thrown).toBody().error }),
      );
      return;
    }
    if (message.kind === 'policy') {
      policies.find(message.digest).then(
        (found) => answer({ kind: 'policy', digest: message.digest, policy: found === null ? null : { digest: found.digest, canonical: found.canonical } }),
        (err: unknown) => {
          logger.error({ err, policy: message.digest }, 'the text of a policy could not be read for an evidence pack');
          answer({ kind: 'policy', digest: message.digest, policy: null });
        },
      );
      return;
    }
    messages.push(message);
    wake?.();
  });
  thread.on('error', (err) => logger.error({ err }, 'the thread that makes an evidence pack failed'));
  thread.on('exit', () => {
    ended = true;
    wake?.();
  });
  try {
    let begun = false;
    const early: Buffer[] = [];
    for (;;) {
      if (left.aborted) return;
      const message = messages.shift();
      if (message === undefined) {
        if (ended) throw new GwError('internal.error', 'The pack could not be made.');
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
        continue;
      }
      if (message.kind === 'failed') {
        const { code, message: text, hint } = message.error;
        logger.error({ code, problem: text, trace: message.trace }, 'an evidence pack could not be made');
        throw new GwError(code, text, { hint });
      }
      const frame = encodeFrame(message);
      if (message.kind === 'file') begun = true;
      if (!begun) {
        early.push(frame);
        continue;
      }
      yield Buffer.concat([...early.splice(0), frame]);
      if (message.kind === 'file') answer({ kind: 'taken', bytes: message.bytes.length });
      if (message.kind === 'end') return;
    }
  } finally {
    done();
    await thread.terminate();
  }
}

function encodeFrame(message: Exclude<ThreadMessage, { readonly kind: 'policy' | 'key' | 'failed' }>): Buffer {
  const head: EvidenceFrame = message.kind === 'file' ? { kind: 'file', path: message.path, bytes: message.bytes.length, last: message.last } : message;
  const line = Buffer.from(`${JSON.stringify(head)}\n`, 'utf8');
  return message.kind === 'file' ? Buffer.concat([line, message.bytes]) : line;
}
