/** E01: what was looked at, whether it is all there, and what is missing. The first thing an auditor reads, because a listing with gaps proves nothing. */
import type { AuditLeaf } from '../../audit/index.js';
import type { Cell } from '../csv-file.js';
import { type DeletedRecords, isAny, unless } from '../deleted-records.js';
import { instant } from '../pack-scope.js';
import type { PackWriter } from '../pack-writer.js';
import { segmentKey } from '../survey.js';
import { type TerminalRecording, terminalRecordings } from '../terminal-recordings.js';
import { cell, Section, Tally } from './section.js';
import type { Closing, SectionMaker } from './section-maker.js';

const GAPS = 'log entries log.recovered and session.recovered with from <= time < to: where a process ended without a word';
const TERMINAL_GAPS =
  '; and the rows of E09/terminals.csv that are missing, not whole, or different: the gateway has its own record of these sessions, what their users saw is not witnessed twice';

export const NO_LOG = 'No log of the gateway has an entry of the period, or one before it: gw recorded nothing then.';

export class ScopeSection implements SectionMaker {
  readonly sections: readonly Section[];
  readonly #section: Section;
  readonly #kinds = new Tally();
  readonly #lives: { readonly log: string; readonly leaf: AuditLeaf }[] = [];

  constructor(writer: PackWriter) {
    this.#section = new Section('E01', writer);
    this.sections = [this.#section];
    this.#section.gaps.push('offset of the gateway clock against a reference');
  }

  leaf(log: string, leaf: AuditLeaf): void {
    this.#kinds.add(leaf.kind);
    if (leaf.kind === 'log.recovered' || leaf.kind === 'session.recovered') this.#lives.push({ log, leaf });
  }

  /** Last of all makers: it compares what they wrote with what there is. */
  finish(closing: Closing): void {
    const section = this.#section;
    if (closing.logs.length === 0) section.absence = NO_LOG;
    this.#logs(closing);
    this.#segments(closing);
    const terminals = terminalRecordings(closing).filter(({ agrees }) => agrees === 'false');
    const gaps = section.table('gaps', ['time', 'log', 'log_index', 'what', 'session', 'detail'], GAPS + (terminals.length === 0 ? '' : TERMINAL_GAPS));
    for (const { log, leaf } of this.#lives) {
      const detail =
        leaf.kind === 'log.recovered'
          ? `${String(leaf.data['leaves'])} entries taken over, ${String(leaf.data['unreadableBytes'])} bytes unreadable`
          : `ended as ${String(leaf.data['reason'])}`;
      if (leaf.kind === 'session.recovered') closing.claimed.add(leaf.kind);
      gaps.add([leaf.time, log, leaf.n, leaf.kind, cell(leaf.data['session']), detail]);
    }
    for (const each of terminals) gaps.add(terminalGap(each));
    const lost = this.#lives.filter(({ leaf }) => leaf.kind === 'log.recovered' && leaf.data['unreadableBytes'] !== 0);
    section.check(
      'nothing-lost',
      'what a process left when it died could be read as a whole',
      lost.map(({ log, leaf }) => `${log} entry ${leaf.n}`),
      this.#lives.length,
    );
    const entries = section.table(
      'entries',
      ['kind', 'entries', 'in_tables'],
      'entries of the log with from <= time < to (of the one session, where the pack is about one), by kind; in_tables: how many of them stand in a table of E01 to E16',
    );
    const missing: string[] = [];
    let all = 0;
    for (const [kind, count] of this.#kinds.sorted) {
      const claimed = closing.claimed.get(kind);
      entries.add([kind, count, claimed]);
      all += count;
      if (claimed !== count) missing.push(`${kind}: ${count} in the log, ${claimed} in tables`);
    }
    section.check('counted', 'every entry of the log stands in a table, once', missing, all);
    const detailed = closing.events.filter((each) => each.journalled !== null && !closing.isAtEdge(each));
    const { deleted } = closing;
    const bare = detailed.filter(({ journalled, leaf }) => journalled === false && !deleted.held(leaf)).map(({ log, leaf }) => `${log} entry ${leaf.n}`);
    section.check('logged', 'every event that a journal tells is in the log', closing.unlogged, detailed.length + closing.unlogged.length);
    section.check('journalled', `every event of the log is in a journal, with the same public fields${unless(deleted)}`, bare, detailed.length);
  }

  #logs({ logs, deleted }: Closing): void {
    const table = this.#section.table(
      'logs',
      ['log', 'first_index', 'entries', 'root', 'first_time', 'last_time', 'heartbeats'],
      'the logs of the gateway as far as the period needs them: checkpoint size and root, first entry in the pack, heartbeats in the period',
    );
    for (const each of logs) table.add([each.origin, each.first, each.size, each.root, each.firstTime, each.lastTime, each.heartbeats]);
    this.#section.check(
      'contiguous',
      'entries say their own place without gaps, time does not go back, sessions are numbered without gaps',
      logs.flatMap(({ disorder }) => disorder),
      logs.length,
    );
    this.#section.check(
      'root',
      'the entries and tiles give the root of the checkpoint',
      logs.filter(({ rootHolds }) => !rootHolds).map(({ origin }) => origin),
      logs.length,
    );
    this.#section.check(
      'to-the-end',
      `each log goes on past the period${isAny(deleted) ? ' and the last word about what was deleted' : ''}, or says that it ended`,
      logs.filter(({ origin, reachesEnd }) => !reachesEnd || deleted.behind.includes(origin)).map(({ origin }) => origin),
      logs.length,
    );
  }

  #segments({ slices, survey, scope, claimed, deleted }: Closing): void {
    const table = this.#section.table(
      'segments',
      ['journal', 'segment', 'entries', 'shown', 'root', 'log', 'log_index'],
      'the segments of journals that hold the period and the begin of its sessions; shown: entries that stand in the pack as they are, the others as hashes',
    );
    const wrong: string[] = [];
    const there = new Set<string>();
    for (const { journal, segment, entries, shown, root } of slices) {
      const anchor = survey.segments.get(segmentKey(journal, segment));
      there.add(segmentKey(journal, segment));
      table.add([journal, segment, entries, shown, root, anchor?.log ?? null, anchor?.index ?? null]);
      if (anchor === undefined) wrong.push(`segment ${segment} of ${journal} is not in the log`);
      else if (anchor.root !== root || anchor.entries !== entries) wrong.push(`segment ${segment} of ${journal} is not the one in the log`);
    }
    this.#section.check('segments', 'each segment of a journal has the root that stands in the log', wrong, slices.length);
    const due = [...survey.segments.values()].filter(({ time }) => time >= scope.from && time < scope.to);
    for (const { segment } of deleted.segments) there.add(segmentKey(segment.journal, segment.segment));
    const absent = due.filter(({ journal, segment }) => !there.has(segmentKey(journal, segment)));
    claimed.add('journal.segment', scope.session === null ? due.length - absent.length : 0);
    this.#section.check(
      'no-segment-missing',
      `each segment that was sealed in the period is in the pack${unless(deleted)}`,
      absent.map(({ journal, segment }) => `segment ${segment} of ${journal}`),
      due.length,
    );
    if (isAny(deleted)) this.#deleted(deleted);
  }

  #deleted({ segments, sessions, rules, problems }: DeletedRecords): void {
    const table = this.#section.table(
      'deleted',
      ['journal', 'segment', 'entries', 'root', 'sealed', 'log', 'log_index', 'deleted', 'prune_log', 'prune_index', 'known_time', 'keep_days'],
      'segments that may hold something of the period, are not in the pack, and were deleted by retention: the first log entry journal.prune of the journal that names them and comes after their journal.segment; known_time: the time that was known to have passed; keep_days: recordings of the retention.rules before it in that log',
    );
    for (const each of segments) {
      const { segment, prune } = each;
      const sealed = [segment.journal, segment.segment, segment.entries, segment.root, instant(segment.time), segment.log, segment.index];
      table.add([...sealed, prune.leaf.time, prune.log, prune.leaf.n, cell(prune.leaf.data['knownTime']), rules.get(each) ?? null]);
    }
    this.#section.check(
      'deleted-in-order',
      'what retention deleted was due by the rules and under no hold, as far as the entries of the log in the pack tell',
      problems,
      segments.length + sessions.size,
    );
  }
}

/** Where it was judged, or where the session begins that it is missing for. */
function terminalGap({ session, recording, judged, state, differs }: TerminalRecording): Cell[] {
  const { log, leaf } = judged ?? { log: session.log, leaf: session.start };
  const detail = judged === null ? 'not uploaded as a whole by the end of the period' : `uploaded, ${state}${differs === '' ? '' : `, differs: ${differs}`}`;
  return [leaf?.time ?? null, log, leaf?.n ?? null, `terminal.${state === 'complete' ? 'differs' : state}`, session.id, `${recording}: ${detail}`];
}
