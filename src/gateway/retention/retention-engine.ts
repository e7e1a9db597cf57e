/**
 * Ends records when their time is over: what sessions recorded (their keys, then the segments in which nothing can be read any more), the index of operations, decided requests.
 * Each end of a recording is an entry of the audit log before it happens. One pass at a time on this machine; what a pass could not do the next one does.
 */
import { join } from 'node:path';
import { LogSweep, newestOf } from '../../audit/index.js';
import type { Clock } from '../../base/clock.js';
import { whileLocked } from '../../base/lock-file.js';
import type { Logger } from '../../base/logger.js';
import { GwError } from '../../contract/gw-error.js';
import type { ContentStore, HoldStore } from '../../contract/record-keeping.js';
import { periodOf, type RetentionReport, type RetentionRules, type RetentionStore } from '../../contract/retention.js';
import type { SessionStore } from '../../contract/session-store.js';
import { contentState, eraseNumbered, listWorkers, prunableSegments, pruneSegments, sessionNumber } from '../../recording/index.js';
import { listLogs, logDirectory } from '../open-audit-trail.js';
import { type EndedSession, EndedSessions } from './ended-sessions.js';
import { LogPruner, type LogPrunerOptions } from './log-pruner.js';
import { LoggedHolds } from './logged-holds.js';
import { RetentionClock } from './retention-clock.js';

export interface RetentionOptions extends LogPrunerOptions {
  readonly rules: () => RetentionRules;
  readonly holds: Pick<HoldStore, 'adopt' | 'covering' | 'list' | 'unlessHeld'>;
  readonly contents: Pick<ContentStore, 'remove'>;
  readonly sessions: Pick<SessionStore, 'find'>;
  readonly rows: RetentionStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

const SHOWN = 1_000;
const DAY_MS = 86_400_000;

export class RetentionEngine {
  readonly #options: RetentionOptions;
  readonly #clock: RetentionClock;
  readonly #pruner: LogPruner;
  #memory = new PassMemory();
  #rules = '';
  /** Day of the known time on which they were told last. */
  #toldOn = Number.NaN;

  private constructor(options: RetentionOptions, clock: RetentionClock) {
    this.#options = options;
    this.#clock = clock;
    this.#pruner = new LogPruner(options);
  }

  /** Goes on counting time from what the log says was known; a log that says nothing yet is counted from its beginning. */
  static async open(options: RetentionOptions): Promise<RetentionEngine> {
    const logs = await listLogs(logDirectory(options.dataDir));
    const told = (await newestOf(logs, 'retention.run')).map(({ data }) => Date.parse(String(data['knownTime'])) || 0);
    const known = told.length > 0 ? Math.max(...told) : await beginningOf(logs, options.clock.now());
    return new RetentionEngine(options, new RetentionClock(options.clock, known));
  }

  /** @throws GwError `record.busy` while another pass runs on this machine; `recording.failed` | `store.unavailable`: the next pass goes on */
  async run(dryRun: boolean): Promise<RetentionReport> {
    return whileLocked(
      join(this.#options.dataDir, 'retention.lock'),
      () => new GwError('record.busy', 'Records are being looked at for what is over.'),
      () => this.#pass(dryRun),
    );
  }

  /** Prunes the log that this process writes, when it is not the one that looks at everything. @throws GwError as `run` */
  async pruneOwnLog(): Promise<number> {
    return this.#pruner.pruneOwn({ rules: this.#options.rules(), known: this.#clock.known(), dryRun: false });
  }

  /** How much time is known to have passed goes into the log, so that the next process counts on from there. */
  async close(): Promise<void> {
    const knownTime = new Date(this.#clock.known()).toISOString();
    this.#options.trail.append('retention.run', { knownTime, recordings: 0, held: 0, segments: 0, index: 0, approvals: 0, entries: 0 });
    this.#options.trail.commit();
    await this.#options.trail.synced();
  }

  async #pass(dryRun: boolean): Promise<RetentionReport> {
    const { rows, trail } = this.#options;
    const rules = this.#options.rules();
    const known = this.#clock.known();
    const knownTime = new Date(known).toISOString();
    if (!dryRun) await this.#tellRules(rules, Math.floor(known / DAY_MS));
    // A look without consequence must not make the next pass believe that something was done. And what waits by other rules may not be over by these.
    const memory = dryRun ? new PassMemory() : this.#memory;
    const logs = await listLogs(logDirectory(this.#options.dataDir));
    await memory.holds.read(logs);
    // Rows of the index and of requests are kept by the holds of the database.
    if (!dryRun) await this.#options.holds.adopt(memory.holds.inForce());
    const expired: EndedSession[] = [];
    let held = 0;
    const due = await memory.due(logs, rules, known);
    for (const [at, each] of due.entries()) {
      const end = await this.#expire(each, { rules, knownTime, memory, dryRun }).catch((thrown: unknown) => {
        // The one that failed comes last: should it fail each time, the others are ended all the same.
        for (const left of [...due.slice(at + 1), each]) memory.keep(left);
        throw thrown;
      });
      if (end === 'held') held++;
      else if (end === 'expired') expired.push(each);
    }
    const segments = await this.#prune(logs, { rules, known, knownTime, memory, dryRun });
    const index = await rows.expire('index', rules, known, dryRun);
    const approvals = await rows.expire('approvals', rules, known, dryRun);
    if (!dryRun) await this.#expireLoose(rules, known);
    const pass = { rules, known, dryRun };
    const entries = (await this.#pruner.pruneOwn(pass)) + (await this.#pruner.pruneIdle(pass));
    const counts = { recordings: expired.length, held, segments, index, approvals, entries };
    if (!dryRun) {
      trail.append('retention.run', { knownTime, ...counts });
      trail.commit();
      await trail.synced();
    }
    const shown = expired.slice(0, SHOWN).map(({ session, target, endedAt }) => ({ session, target, endedAt: new Date(endedAt).toISOString() }));
    return { dryRun, knownTime, expired: shown, ...counts };
  }

  /** Rules are told when they change: the verifier holds every end against those in force. And once a day: then the log of any period says them. */
  async #tellRules(rules: RetentionRules, day: number): Promise<void> {
    const text = JSON.stringify(rules);
    if (text === this.#rules && day === this.#toldOn) return;
    const { recordings, approvals, index, targets, log = null } = rules;
    this.#options.trail.append('retention.rules', { recordings, approvals, index, log, targets });
    this.#options.trail.commit();
    await this.#options.trail.synced();
    this.#toldOn = day;
    if (text === this.#rules) return;
    this.#rules = text;
    this.#memory = new PassMemory();
  }

  async #expire(
    each: EndedSession,
    { rules, knownTime, memory, dryRun }: { readonly rules: RetentionRules; readonly knownTime: string; readonly memory: PassMemory; readonly dryRun: boolean },
  ): Promise<'expired' | 'held' | 'gone'> {
    const { journalDir, holds, contents, trail } = this.#options;
    const { session, journal, target, issuer, subject, endedAt } = each;
    const number = each.number ?? (await sessionNumber(journalDir, journal, session));
    const record = { session, target, issuer, subject };
    if (memory.holds.covers(record) || (await holds.covering(record)).length > 0) {
      memory.keep(each);
      return 'held';
    }
    if (number === null || !(await this.#isKept(each, number))) {
      if (number !== null) {
        if (!dryRun) await this.#endTexts(each, number);
        memory.ended(journal, number);
      }
      return 'gone';
    }
    if (dryRun) {
      memory.ended(journal, number);
      return 'expired';
    }
    try {
      await holds.unlessHeld(record, async () => {
        const keepMs = periodOf(rules, 'recordings', target);
        await trail.catchUp();
        trail.append('session.expire', { ...record, journalOfSession: journal, endedAt: new Date(endedAt).toISOString(), keepMs, knownTime });
        trail.commit();
        await trail.synced();
        eraseNumbered(journalDir, journal, number);
      });
    } catch (thrown) {
      if (!(thrown instanceof GwError && thrown.code === 'record.held')) throw thrown;
      memory.keep(each);
      return 'held';
    }
    await contents.remove(session, 'expired');
    memory.ended(journal, number);
    return 'expired';
  }

  /** They belong to no session, so nothing that the log tells of ends with them. */
  async #expireLoose(rules: RetentionRules, known: number): Promise<void> {
    const { rows, logger } = this.#options;
    const recordings = await rows.expireLooseRecordings(rules, known);
    if (recordings > 0) logger.info({ recordings }, 'recordings of clients under which no session was opened ended because their time was over');
  }

  /** What a pass left that was stopped after the key was destroyed. */
  async #endTexts({ session, journal }: EndedSession, number: number): Promise<void> {
    const { journalDir, sessions, contents } = this.#options;
    if ((await contentState(journalDir, journal, number)) !== 'ended') return;
    if ((await sessions.find(session))?.content === 'kept') await contents.remove(session, 'expired');
  }

  /** A journal that is not encrypted has no keys: what ended of it the state database says. */
  async #isKept({ session, journal }: EndedSession, number: number): Promise<boolean> {
    const state = await contentState(this.#options.journalDir, journal, number);
    if (state !== 'plain') return state === 'kept';
    return (await this.#options.sessions.find(session))?.content === 'kept';
  }

  async #prune(
    logs: readonly string[],
    {
      rules,
      known,
      knownTime,
      memory,
      dryRun,
    }: { readonly rules: RetentionRules; readonly known: number; readonly knownTime: string; readonly memory: PassMemory; readonly dryRun: boolean },
  ): Promise<number> {
    const { journalDir, trail, logger } = this.#options;
    await memory.readSegments(logs, known - rules.recordings);
    let total = 0;
    for (const journal of await listWorkers(journalDir)) {
      const limit = memory.segmentsOf(journal);
      if (limit === 0) continue;
      const directory = join(journalDir, journal);
      const told = (): Promise<number> => prunedByLogs(logs, journal);
      const prunable = await prunableSegments(directory, (session) => memory.hasEnded(journal, session), { limit, told }).catch((err: unknown) => {
        logger.error({ err, journal }, 'a journal whose time is over cannot be read; it stays as it is');
        return null;
      });
      if (prunable === null) continue;
      total += prunable.segments;
      if (dryRun) continue;
      if (prunable.segments > 0) {
        trail.append('journal.prune', { journalOfSegment: journal, through: prunable.through, knownTime });
        trail.commit();
        await trail.synced();
      }
      await pruneSegments(directory, prunable);
    }
    return total;
  }
}

/** What passes have read of the logs so far. */
class PassMemory {
  readonly holds = new LoggedHolds();
  /** By period: targets of one period are over in the order of the log. */
  readonly #sweeps = new Map<number, EndedSessions>();
  readonly #segmentSweep = new LogSweep();
  readonly #segments = new Map<string, Set<number>>();
  readonly #ended = new Map<string, Set<number>>();
  /** Held, or not ended by an error: looked at again. */
  #waiting: EndedSession[] = [];

  async due(logs: readonly string[], rules: RetentionRules, known: number): Promise<EndedSession[]> {
    const due = this.#waiting;
    this.#waiting = [];
    try {
      due.push(...(await this.#over(logs, rules, known)));
    } catch (thrown) {
      // Sweeps that moved on would not give again what they gave: the logs are read anew, and say all that waits.
      this.#sweeps.clear();
      throw thrown;
    }
    return due;
  }

  /** Those that no call before gave. */
  async #over(logs: readonly string[], rules: RetentionRules, known: number): Promise<EndedSession[]> {
    const all: EndedSession[] = [];
    for (const period of new Set([rules.recordings, ...rules.targets.map(({ recordings }) => recordings)])) {
      let sweep = this.#sweeps.get(period);
      if (sweep === undefined) this.#sweeps.set(period, (sweep = new EndedSessions()));
      const over = await sweep.until(logs, known - period);
      all.push(...over.filter(({ target }) => periodOf(rules, 'recordings', target) === period));
    }
    return all;
  }

  keep(session: EndedSession): void {
    this.#waiting.push(session);
  }

  ended(journal: string, number: number): void {
    const known = this.#ended.get(journal);
    if (known === undefined) this.#ended.set(journal, new Set([number]));
    else known.add(number);
  }

  hasEnded(journal: string, number: number): boolean {
    return this.#ended.get(journal)?.has(number) === true;
  }

  /** Segments that were sealed up to `time`. */
  async readSegments(logs: readonly string[], time: number): Promise<void> {
    for await (const { kind, data } of this.#segmentSweep.until(logs, time)) {
      if (kind !== 'journal.segment') continue;
      const journal = String(data['journalOfSegment']);
      const known = this.#segments.get(journal);
      if (known === undefined) this.#segments.set(journal, new Set([Number(data['segment'])]));
      else known.add(Number(data['segment']));
    }
  }

  /** The number up to which all segments of a journal were sealed long enough ago. */
  segmentsOf(journal: string): number {
    const known = this.#segments.get(journal);
    let through = 0;
    while (known?.has(through + 1) === true) through++;
    return through;
  }
}

async function beginningOf(logs: readonly string[], now: number): Promise<number> {
  let first = now;
  for (const log of logs) {
    for await (const { time } of new LogSweep().until([log], Number.POSITIVE_INFINITY)) {
      first = Math.min(first, Date.parse(time) || now);
      break;
    }
  }
  return first;
}

/** Through which segment the logs say that a journal was pruned; 0: they do not. */
async function prunedByLogs(logs: readonly string[], journal: string): Promise<number> {
  let through = 0;
  for await (const { kind, data } of new LogSweep().until(logs, Number.POSITIVE_INFINITY)) {
    if (kind === 'journal.prune' && data['journalOfSegment'] === journal) through = Math.max(through, Number(data['through']) || 0);
  }
  return through;
}
