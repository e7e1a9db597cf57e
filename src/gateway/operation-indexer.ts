/**
 * Keeps the index of operations: follows this worker's own journal, and takes in the journals of processes that have ended and are not in the index
 * as a whole yet. Off the data path: it reads what the journal holds already, and while the state database is away it waits. Nothing is lost by
 * a failure: a journal that was not taken in to its end is read again by the next start.
 */

import type { Logger } from '../base/logger.js';
import { pause } from '../base/pause.js';
import type { IndexedOperation, OperationIndex } from '../contract/operation-index.js';
import { type JournalKeys, type JournalledOperation, listWorkers, readOperations } from '../recording/index.js';

const BATCH = 500;
/** How long the end of the journal is left alone before it is looked at again, and a database that is away. */
const LOOK_MS = 250;
const RETRY_MS = 1_000;
/** A worker whose event loop is busier than this carries sessions: the index then takes a batch now and then, and catches up later. */
const BUSY = 0.3;
const BUSY_MS = 10_000;
/** How long a worker that stops goes on taking in; the next start takes in the rest. */
const LAST_MS = 1_000;

export interface OperationIndexerOptions {
  readonly index: OperationIndex;
  readonly journalDir: string;
  readonly keys: JournalKeys;
  /** The journal of this worker. */
  readonly journal: string;
  /** Journals that other processes write; null: another worker takes in what has ended. */
  readonly alive: readonly string[] | null;
  readonly logger: Logger;
}

export interface OperationIndexer {
  /**
   * Resolves when everything that the journal held is in the index, after a second at the latest, or at once when the database is away: the next
   * start takes in the rest.
   */
  close(): Promise<void>;
}

export function startOperationIndexer(options: OperationIndexerOptions): OperationIndexer {
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    const own = follow(options, stop.signal);
    if (options.alive !== null) await takeInEnded(options, new Set([...options.alive, options.journal]), stop.signal);
    await own;
  };
  const done = run().catch((err: unknown) => options.logger.error({ err }, 'the index of operations is not kept any more; the next start makes it whole'));
  return {
    close: () => {
      stop.abort();
      return done;
    },
  };
}

async function follow({ index, journalDir, keys, journal, logger }: OperationIndexerOptions, stopped: AbortSignal): Promise<void> {
  const batch = new Batch(index, logger, stopped);
  let last = false;
  let giveUpAt: number | null = null;
  const more = async (): Promise<boolean> => {
    await batch.flush();
    if (last) return false;
    // Once more after the stop: what the journal held then is taken in.
    if (stopped.aborted) last = true;
    else await pause(LOOK_MS, stopped);
    return true;
  };
  for await (const operation of readOperations({ dir: journalDir, keys, bootId: journal, live: true, more })) {
    await batch.add(operation);
    if (!stopped.aborted) continue;
    giveUpAt ??= performance.now() + LAST_MS;
    if (performance.now() > giveUpAt) break;
  }
  await batch.flush();
}

async function takeInEnded({ index, journalDir, keys, logger }: OperationIndexerOptions, alive: ReadonlySet<string>, stopped: AbortSignal): Promise<void> {
  let known: ReadonlySet<string> | null = null;
  while (known === null && !stopped.aborted) {
    known = await index.indexedJournals().catch(async (err: unknown) => {
      logger.debug({ err }, 'the index of operations waits for the state database');
      await pause(RETRY_MS, stopped);
      return null;
    });
  }
  for (const journal of await listWorkers(journalDir)) {
    if (known?.has(journal) === true || alive.has(journal) || stopped.aborted) continue;
    const batch = new Batch(index, logger, stopped);
    for await (const operation of readOperations({ dir: journalDir, keys, bootId: journal, live: false })) {
      if (stopped.aborted) break;
      await batch.add(operation);
    }
    await batch.flush();
    if (batch.whole && !stopped.aborted) await index.markIndexed(journal);
  }
}

class Batch {
  readonly #index: OperationIndex;
  readonly #logger: Logger;
  readonly #stopped: AbortSignal;
  #waiting: IndexedOperation[] = [];
  #load = performance.eventLoopUtilization();
  whole = true;

  constructor(index: OperationIndex, logger: Logger, stopped: AbortSignal) {
    this.#index = index;
    this.#logger = logger;
    this.#stopped = stopped;
  }

  async add(operation: JournalledOperation): Promise<void> {
    this.#waiting.push(indexed(operation));
    if (this.#waiting.length >= BATCH) await this.flush();
  }

  /** Sessions come first. */
  async #giveWay(taken: number): Promise<void> {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#load);
    this.#load = now;
    if (taken >= BATCH && utilization > BUSY) await pause(BUSY_MS, this.#stopped);
  }

  /** Waits for a database that is away; after a stop it gives up, and the next start reads the journal again. */
  async flush(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    for (let failed = false; batch.length > 0; ) {
      try {
        const left = await this.#index.add(batch);
        if (left > 0) this.#logger.error({ operations: left }, 'operations cannot be stored in the index and are left out; the journal holds them');
        if (failed) this.#logger.info({}, 'the index of operations is kept again');
        await this.#giveWay(batch.length);
        return;
      } catch (err) {
        if (!failed) this.#logger.warn({ err }, 'the index of operations waits for the state database');
        failed = true;
        if (this.#stopped.aborted) {
          this.whole = false;
          return;
        }
        await pause(RETRY_MS, this.#stopped);
      }
    }
  }
}

function indexed({ session, sequence, time, facts, decision, text, outcome, masked }: JournalledOperation): IndexedOperation {
  const { identity } = session;
  const resources = facts?.effects.flatMap(({ resource }) => (resource === null ? [] : [resource.name.filter((part) => part !== null).join('.')])) ?? [];
  return {
    session: session.session,
    sequence,
    at: new Date(time).toISOString(),
    issuer: identity.issuer,
    subject: identity.subject,
    name: identity.name,
    onBehalfOf: identity.onBehalfOf?.subject ?? null,
    target: session.target,
    verdict: decision?.effect ?? 'unknown',
    // What people let through, or refused, keeps what was demanded of them.
    asked: decision?.approval != null,
    status: outcome?.status ?? (decision?.effect === 'allow' ? 'unknown' : 'refused'),
    rule: decision?.rule ?? null,
    kinds: [...new Set(facts?.effects.map(({ action }) => action) ?? [])],
    relations: [...new Set(resources)].filter((name) => name !== ''),
    masked,
    rows: outcome?.rows ?? null,
    text,
  };
}
