/** Verifies all logs of a gateway together: each by itself, then what they say of each other and of the sessions that run through them. */
import { basename } from 'node:path';
import { type Anchor, checkpointOf } from './anchor.js';
import type { AuditLeaf } from './audit-leaf.js';
import { brokenAnchor } from './broken-anchor.js';
import { checkAnchor, type VerifiedLog } from './check-anchor.js';
import { LogFiles } from './log-files.js';
import type { LogProblem } from './log-problem.js';
import { readSteadily } from './read-steadily.js';
import { RetentionBook } from './retention-book.js';
import { rootOverLogs } from './root-over-logs.js';
import { SessionBook } from './session-book.js';
import { type LogReport, type VerifyOptions, verifyLog } from './verify-log.js';

export interface LogsReport {
  readonly logs: readonly LogReport[];
  /** Over the verified checkpoints of all logs, hex; null: there is none. */
  readonly rootOverLogs: string | null;
  readonly book: SessionBook;
  readonly retention: RetentionBook;
  readonly problems: readonly LogProblem[];
}

export async function verifyLogs(directories: readonly string[], options: Omit<VerifyOptions, 'onLeaf'>): Promise<LogsReport> {
  const logs: LogReport[] = [];
  const book = new SessionBook();
  const retention = new RetentionBook();
  const others: LogProblem[] = [];
  const found = new Map<string, VerifiedLog>();
  for (const directory of directories) {
    const {
      report,
      book: own,
      retention: ended,
    } = await readSteadily(
      directory,
      () => verifyOne(directory, options),
      ({ report: { problems } }) => problems.length === 0,
    );
    book.absorb(own);
    retention.absorb(ended);
    logs.push(report);
    const { checkpoint, log, first } = report;
    if (checkpoint === null) continue;
    const place = basename(directory);
    if (!log.endsWith(`/${place}`)) others.push({ claim: 'log', log, index: null, message: `the log lies in the place of log ${place}` });
    if (found.has(log)) others.push({ claim: 'fork', log, index: null, message: 'two directories hold a log of this name' });
    found.set(log, { directory, checkpoint, first });
  }
  // Of a journal of which all is gone the log keeps what was told last, and not always what was told before.
  const pruned = logs.some(({ first }) => first > 0);
  book.finish((journal, segment) => pruned && segment <= retention.prunedThrough(journal));
  // A worker takes the first place that is free, so places have no gaps.
  const places = new Set(directories.map((directory) => basename(directory)));
  for (let place = 0; place < places.size; place++) {
    if (!places.has(String(place)))
      others.push({ claim: 'log', log: String(place), index: null, message: `there is no log ${place}, and there are later ones` });
  }
  const gone = new Set<string>();
  const continues = (anchor: Anchor, there: VerifiedLog): Promise<void> =>
    checkAnchor(there, checkpointOf(anchor), options.keys, (claim, index, message) => others.push({ claim, log: anchor.log, index, message }));
  for (const [log, size] of book.anchors.contradicted)
    others.push({ claim: 'fork', log, index: null, message: `entries say two roots of its first ${size} entries` });
  for (const log of book.anchors.logs) {
    const there = found.get(log);
    const anchors = book.anchors.of(log);
    const last = anchors.at(-1);
    if (there === undefined || last === undefined) {
      gone.add(log);
      continue;
    }
    const broken = await brokenAnchor(new LogFiles(there.directory), there.checkpoint.size, anchors);
    if (broken !== null) others.push({ claim: 'fork', log, index: null, message: `its first ${broken.size} entries are not those that were seen once` });
    // The furthest counts in a log that grew since it was read, too, and in one that was pruned.
    else await continues(last, there);
  }
  for (const own of book.own) {
    const there = found.get(own.log);
    // What it said of itself before its first entry nobody can compare.
    if (there !== undefined && own.size >= there.first) await continues(own, there);
  }
  for (const { origin } of options.known) if (!found.has(origin)) gone.add(origin);
  for (const log of gone) others.push({ claim: 'log', log, index: null, message: 'the log was seen once, and is not here' });
  const checkpoints = [...found.values()].map(({ checkpoint }) => checkpoint);
  const root = checkpoints.length === 0 ? null : rootOverLogs(checkpoints).toString('hex');
  return {
    logs,
    rootOverLogs: root,
    book,
    retention,
    problems: [...logs.flatMap((each) => each.problems), ...others, ...book.problems, ...retention.problems()],
  };
}

async function verifyOne(
  directory: string,
  options: Omit<VerifyOptions, 'onLeaf'>,
): Promise<{ report: LogReport; book: SessionBook; retention: RetentionBook }> {
  const book = new SessionBook();
  const retention = new RetentionBook();
  const onLeaf = (log: string, leaf: AuditLeaf): void => {
    book.take(log, leaf);
    retention.take(log, leaf);
  };
  return { report: await verifyLog(directory, { ...options, onLeaf }), book, retention };
}
