/**
 * What the journals are against what the logs say of them: every sealed segment, every session, the audit events of each process, and nothing gone that the log
 * does not say was ended in order. Both sides were read and verified by themselves before.
 */
import { EventDigest, type LogProblem, type LogsReport } from '../audit/index.js';
import type { OwnEvents, WorkerReport } from '../recording/index.js';

export function compareJournals(report: LogsReport, workers: readonly WorkerReport[]): LogProblem[] {
  const home = report.logs[0]?.log ?? '';
  const problems: LogProblem[] = [];
  const say = (claim: LogProblem['claim'], message: string): void => void problems.push({ claim, log: home, index: null, message });
  for (const worker of workers) {
    // Deletion was stopped half-way: all of it may go.
    if (isGone(report, worker.bootId)) continue;
    if (isClaimed(report, worker))
      say('journal', `the journal ${worker.bootId} is said to be written by a process, which the log says has ended, or does not know`);
    for (const { code, segment, message } of worker.problems) say('journal', `journal ${worker.bootId}, segment ${segment}: ${code}: ${message}`);
    problems.push(...compareSegments(report, worker, home));
    compareEnds(report, worker, say);
    const known = report.book.sessionsOf(worker.bootId);
    if (known === 0 && worker.sessions > 0 && report.logs.some(({ first }) => first > 0))
      say('retention', `the log was pruned, and has nothing of the sessions of the journal ${worker.bootId}, which is still here`);
    if (known > 0 && worker.segments.length === 0 && worker.problems.length === 0)
      say('journal', `the log has ${known} sessions of the journal ${worker.bootId}, of which there is no segment`);
    if (known < worker.sessions) say('session', `the journal ${worker.bootId} has ${worker.sessions} sessions; the log knows ${known}`);
  }
  const sealed = new Set([...report.book.segments.values()].map(({ journal }) => journal));
  for (const journal of report.book.journals) {
    if (sealed.has(journal) || report.book.isOpen(journal) || workers.some(({ bootId }) => bootId === journal)) continue;
    if (report.retention.prunedThrough(journal) > 0) continue;
    say('journal', `the log has ${report.book.sessionsOf(journal)} sessions of the journal ${journal}, of which nothing is here`);
  }
  for (const { journal, segment, log, index } of report.book.segments.values()) {
    const worker = workers.find(({ bootId }) => bootId === journal);
    if (worker?.segments.some((each) => each.segment === segment && each.sealed) === true) continue;
    // Segments that were sealed since their journal was read.
    if (worker?.live === true && segment > lastSealed(worker)) continue;
    if (segment <= report.retention.prunedThrough(journal)) continue;
    problems.push({ claim: 'segment', log, index, message: `segment ${segment} of the journal ${journal} is in the log, and its file is not here` });
  }
  for (const journal of sealed) {
    if (report.retention.prunedThrough(journal) === 0) continue;
    const first = workers.find(({ bootId }) => bootId === journal)?.firstSession ?? 0;
    for (const id of report.retention.lostBefore(journal, first))
      say('retention', `the session ${id} was in segments of the journal ${journal} that are pruned, and its content had not ended`);
  }
  return problems;
}

/** How many segments the log says were pruned. */
export function prunedSegments({ book, retention }: LogsReport): number {
  return [...book.segments.values()].filter(({ journal, segment }) => segment <= retention.prunedThrough(journal)).length;
}

/** Whether only its lock, which anybody can write, says that a process writes a journal: much counts as unfinished then. */
export function isClaimed({ book }: LogsReport, { bootId, live }: WorkerReport): boolean {
  return live && !book.isOpen(bootId);
}

const lastSealed = ({ segments }: WorkerReport): number => segments.findLast(({ sealed }) => sealed)?.segment ?? 0;

/** Whether all segments of a journal were pruned, the last one too. */
function isGone({ book, retention }: LogsReport, journal: string): boolean {
  const through = retention.prunedThrough(journal);
  return through > 0 && book.segments.get(`${journal}/${through}`)?.final === true;
}

function compareSegments({ book }: LogsReport, { bootId, segments, live }: WorkerReport, home: string): LogProblem[] {
  const problems: LogProblem[] = [];
  for (const { segment, sealed, root, entries, final } of segments) {
    const booked = book.segments.get(`${bootId}/${segment}`);
    const wrong = booked !== undefined && sealed && (booked.root !== root || booked.entries !== entries || booked.final !== final);
    if (booked === undefined && sealed && !live)
      problems.push({ claim: 'segment', log: home, index: null, message: `segment ${segment} of the journal ${bootId} is not in the log` });
    else if (booked !== undefined && wrong)
      problems.push({
        claim: 'segment',
        log: booked.log,
        index: booked.index,
        message: `segment ${segment} of the journal ${bootId} is not the one in the log`,
      });
  }
  return problems;
}

/** A key that is gone, and a segment that is, need somebody who said so in the log. */
function compareEnds({ retention }: LogsReport, { bootId, pruned, keys }: WorkerReport, say: (claim: LogProblem['claim'], message: string) => void): void {
  const told = retention.prunedThrough(bootId);
  if (pruned > told) say('retention', `${pruned} segments of the journal ${bootId} are gone; the log says so of ${told}`);
  const ended = retention.endedIn(bootId);
  for (const [session, state] of (keys ?? []).entries()) {
    if (state === 'destroyed' && !ended.has(session))
      say('retention', `the key of session ${session} of the journal ${bootId} was destroyed, and the log does not say that its content ended`);
  }
}

/** The audit events of each journal, to be compared with those of the log when the process ended in order. */
export class JournalEvents {
  readonly #digests = new Map<string, EventDigest>();

  readonly onEvent: OwnEvents['onEvent'] = (bootId, kind, data) => {
    const digest = this.#digests.get(bootId) ?? new EventDigest();
    digest.add(kind, data);
    this.#digests.set(bootId, digest);
  };

  compare({ book, logs, retention }: LogsReport): LogProblem[] {
    const problems: LogProblem[] = [];
    for (const [bootId, digest] of this.#digests) {
      const told = book.eventsOf(bootId);
      // The first ones are gone with the segments that were pruned.
      if (told === null || told.equals(digest) || retention.prunedThrough(bootId) > 0) continue;
      const message = `the log has ${told.count} audit events of the journal ${bootId}, which has ${digest.count}, or they are not the same`;
      problems.push({ claim: 'event', log: logs[0]?.log ?? '', index: null, message });
    }
    return problems;
  }
}
