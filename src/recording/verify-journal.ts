/**
 * Verifies all journals of a directory: every frame's hash and chain, the links between segments, seals with their Merkle roots, the counters
 * and declared totals of every session. Reports everything that is wrong and stops at nothing. Input is untrusted.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GwError } from '../contract/gw-error.js';
import { EntryOpener } from './encryption/entry-opener.js';
import type { JournalKeys } from './encryption/journal-keyring.js';
import { type KeyState, keysPath, readKeyStates } from './encryption/session-keys.js';
import { decodeEntries, decodeEvent } from './entry-decoder.js';
import { listWorkers, prunedThrough } from './journal-directory.js';
import { MerkleTree } from './merkle-tree.js';
import { leafBytes, type SegmentFooter, type SessionRange } from './segment-layout.js';
import { SessionLedger } from './session-ledger.js';
import { type JournalProblem, type ProblemCode, walkJournal } from './walk-journal.js';
import { isWorkerAlive } from './worker-lock.js';

export interface SegmentReport {
  readonly segment: number;
  readonly frames: number;
  readonly entries: number;
  /** Merkle root over the entries, hex; of an open segment the root so far. */
  readonly root: string;
  readonly sealed: boolean;
  readonly final: boolean;
}

export interface WorkerReport {
  readonly bootId: string;
  /** The process that writes it still runs. */
  readonly live: boolean;
  readonly gateway: string | null;
  readonly sessions: number;
  /** Sessions that have no end (yet). */
  readonly openSessions: number;
  /** Segments up to this one are gone, as the journal itself says. */
  readonly pruned: number;
  /** Number of the first session that begins in what is left; 0: none does. */
  readonly firstSession: number;
  /** State of each session's key by number, the gateway's own first; null: there is no file of keys here. */
  readonly keys: readonly KeyState[] | null;
  readonly segments: readonly SegmentReport[];
  readonly problems: readonly JournalProblem[];
}

export interface JournalReport {
  readonly intact: boolean;
  readonly workers: readonly WorkerReport[];
}

/** Problems listed for one worker; more are not worth reading. */
const PROBLEMS = 1000;

export interface OwnEvents {
  /** What opens the gateway's own events where they are encrypted; nothing else is opened. */
  readonly keys: JournalKeys;
  /** Called for each event of the gateway itself, in order. `data` is null where it is hidden. */
  readonly onEvent: (bootId: string, kind: string, data: Readonly<Record<string, unknown>> | null) => void;
}

export async function verifyJournal(dir: string, own?: OwnEvents): Promise<JournalReport> {
  const workers: WorkerReport[] = [];
  for (const bootId of await listWorkers(dir)) workers.push(await verifyWorker(dir, bootId, own));
  return { intact: workers.every((worker) => worker.problems.length === 0), workers };
}

/** Of one journal. */
export async function verifyWorker(dir: string, bootId: string, own?: OwnEvents): Promise<WorkerReport> {
  const live = await isWorkerAlive(join(dir, bootId));
  // Hashes are over what is stored: a verifier needs no keys.
  const opener = new EntryOpener(join(dir, bootId), null);
  const ownOpener = own === undefined ? opener : await own.keys.opener(dir, bootId).catch(locked(opener));
  const pruned = await prunedThrough(join(dir, bootId));
  const ledger = new SessionLedger(pruned > 0);
  const problems: JournalProblem[] = [];
  const segments: SegmentReport[] = [];
  let gateway: string | null = null;
  let current: SegmentTally | null = null;
  const report = (problem: JournalProblem): void => {
    if (problems.length < PROBLEMS) problems.push(problem);
  };
  const finding = (code: ProblemCode, segment: number, offset: number, session: number | null, message: string): void =>
    report({ code, bootId, segment, offset, session, message });
  for await (const item of walkJournal({ dir, bootId, live })) {
    if (item.kind === 'problem') report(item.problem);
    else if (item.kind === 'segment') {
      if (current !== null) segments.push(current.report(null));
      current = new SegmentTally(item.number);
      gateway = item.header.gateway;
    } else if (item.kind === 'frame') {
      current?.frame();
      for (const stored of decodeEntries(item.frame.body, item.frame.entries)) {
        if (typeof stored === 'string') {
          finding('entry-unreadable', item.segment, item.frame.offset, null, stored);
          break;
        }
        const entry = (stored.session === 0 ? ownOpener : opener).open(stored);
        current?.entry(entry.session, entry.counter, leafBytes(item.frame.time, entry.raw));
        const found = ledger.take(entry);
        const event = own !== undefined && entry.session === 0 ? decodeEvent(entry.payload) : null;
        if (event !== null) own?.onEvent(bootId, event.kind, entry.hidden === null ? event.data : null);
        if (found !== null) finding(found.code, item.segment, item.frame.offset, entry.session, found.message);
      }
    } else if (current !== null) {
      const wrong = current.compare(item.footer);
      if (wrong !== null) finding('seal-wrong', item.segment, item.offset, null, wrong);
      segments.push(current.report(item.footer));
      current = null;
    }
  }
  if (current !== null) segments.push(current.report(null));
  if (!live) {
    const last = segments.at(-1)?.segment ?? 0;
    for (const session of ledger.open.keys()) finding('end-missing', last, 0, session, 'the session has no end');
  }
  return {
    bootId,
    live,
    gateway,
    sessions: ledger.sessions,
    openSessions: ledger.open.size,
    pruned,
    firstSession: ledger.firstSession,
    keys: await keyStates(join(dir, bootId)),
    segments,
    problems,
  };
}

async function keyStates(workerDirectory: string): Promise<KeyState[] | null> {
  try {
    return readKeyStates(await readFile(keysPath(workerDirectory)));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
}

/** Without the key of the journal what is encrypted stays hidden. */
function locked(opener: EntryOpener): (thrown: unknown) => EntryOpener {
  return (thrown) => {
    if (thrown instanceof GwError && thrown.code === 'recording.key') return opener;
    throw thrown;
  };
}

/** What a segment's footer must say, counted anew. */
class SegmentTally {
  readonly #segment: number;
  readonly #tree = new MerkleTree();
  readonly #sessions = new Map<number, { first: number; last: number }>();
  #frames = 0;

  constructor(segment: number) {
    this.#segment = segment;
  }

  frame(): void {
    this.#frames++;
  }

  entry(session: number, counter: number, leaf: Buffer): void {
    this.#tree.add(leaf);
    const range = this.#sessions.get(session);
    if (range === undefined) this.#sessions.set(session, { first: counter, last: counter });
    else range.last = counter;
  }

  compare(footer: SegmentFooter): string | null {
    if (footer.entries !== this.#tree.leaves || footer.frames !== this.#frames) return 'the seal counts other entries or frames';
    if (!footer.root.equals(this.#tree.root())) return 'the Merkle root of the seal is not that of the entries';
    const same = footer.sessions.length === this.#sessions.size && footer.sessions.every((range) => this.#holds(range));
    return same ? null : 'the seal lists other sessions';
  }

  report(footer: SegmentFooter | null): SegmentReport {
    return {
      segment: this.#segment,
      frames: this.#frames,
      entries: this.#tree.leaves,
      root: this.#tree.root().toString('hex'),
      sealed: footer !== null,
      final: footer?.final ?? false,
    };
  }

  #holds(range: SessionRange): boolean {
    const own = this.#sessions.get(range.session);
    return own !== undefined && own.first === range.first && own.last === range.last;
  }
}
