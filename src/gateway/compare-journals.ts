/**
 * What the journals are against what the logs say of them: every sealed segment, every session, and the audit events of each process. Both sides were
 * read and verified by themselves before.
 */
import { EventDigest, type LogProblem, type LogsReport } from '../audit/index.js';
import type { OwnEvents, WorkerReport } from '../recording/index.js';

export function compareJournals({ book, logs }: LogsReport, workers: readonly WorkerReport[]): LogProblem[] {
  const problems: LogProblem[] = [];
  const home = logs[0]?.log ?? '';
  for (const { bootId, problems: found, segments, sessions, live } of workers) {
    for (const { code, segment, message } of found) {
      problems.push({ claim: 'journal', log: home, index: null, message: `journal ${bootId}, segment ${segment}: ${code}: ${message}` });
    }
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
    const known = book.sessionsOf(bootId);
    if (known < sessions)
      problems.push({ claim: 'session', log: home, index: null, message: `the journal ${bootId} has ${sessions} sessions; the log knows ${known}` });
  }
  for (const { journal, segment, log, index } of book.segments.values()) {
    const worker = workers.find(({ bootId }) => bootId === journal);
    if (worker?.segments.some((each) => each.segment === segment && each.sealed) === true || worker?.live === true) continue;
    problems.push({ claim: 'segment', log, index, message: `segment ${segment} of the journal ${journal} is in the log, and its file is not here` });
  }
  return problems;
}

/** The audit events of each journal, to be compared with those of the log when the process ended in order. */
export class JournalEvents {
  readonly #digests = new Map<string, EventDigest>();

  readonly onEvent: OwnEvents['onEvent'] = (bootId, kind, data) => {
    const digest = this.#digests.get(bootId) ?? new EventDigest();
    digest.add(kind, data);
    this.#digests.set(bootId, digest);
  };

  compare({ book, logs }: LogsReport): LogProblem[] {
    const problems: LogProblem[] = [];
    for (const [bootId, digest] of this.#digests) {
      const told = book.eventsOf(bootId);
      if (told === null || told.equals(digest)) continue;
      const message = `the log has ${told.count} audit events of the journal ${bootId}, which has ${digest.count}, or they are not the same`;
      problems.push({ claim: 'event', log: logs[0]?.log ?? '', index: null, message });
    }
    return problems;
  }
}
