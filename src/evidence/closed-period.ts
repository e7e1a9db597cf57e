/**
 * Which part of logs and journals a period needs, and whether it is all there: a pack is made only of what cannot change any more, so that the same period
 * gives the same pack for ever. A period is closed when every log goes on past it (or ended), and every journal segment with something of it is sealed
 * and in the log.
 */
import { readdir } from 'node:fs/promises';
import { type AuditLeaf, anchorsOf } from '../audit/index.js';
import { GwError } from '../contract/gw-error.js';
import { listWorkers, type StoredSegment, storedSegments } from '../recording/index.js';
import { type DeletedSegment, Deletions, horizonOf, type ToldEntry } from './deletions.js';
import { instant, type PackScope } from './pack-scope.js';
import type { SliceBounds, SlicedLog } from './sliced-log.js';
import { Survey, type SurveyedSession, segmentKey } from './survey.js';

export interface NeededSegment extends StoredSegment {
  readonly journal: string;
}

export interface ClosedPeriod {
  readonly from: number;
  readonly to: number;
  /** By origin; a log that began after the period is not among them. */
  readonly bounds: ReadonlyMap<string, SliceBounds>;
  readonly segments: readonly NeededSegment[];
}

/** What one pass over a log finds of the period. */
interface Sight {
  readonly log: SlicedLog;
  last: AuditLeaf | null;
}

/**
 * @param logs whole logs, as they are now
 * @param to null: as late as possible
 * @throws GwError `evidence.open` when the period is not closed, `usage.invalid` when there is nothing of it
 */
export async function closedPeriod(logs: readonly SlicedLog[], journalDir: string, from: number, to: number | null): Promise<ClosedPeriod> {
  const sights: Sight[] = logs.map((log) => ({ log, last: null }));
  const survey = new Survey({ from, to: to ?? Number.MAX_SAFE_INTEGER });
  const deletions = new Deletions(survey);
  for (const sight of sights) {
    for await (const { leaf } of sight.log.leaves()) {
      survey.take(sight.log.origin, leaf);
      deletions.take(sight.log.origin, leaf);
      sight.last = leaf;
    }
  }
  survey.finish();
  const journals = new Map<string, StoredSegment[]>();
  for (const journal of await listWorkers(journalDir)) journals.set(journal, await segmentsOf(journalDir, journal));
  const { until, why } = closedUntil(sights, survey, journals);
  if (to !== null && to > until) {
    throw new GwError('evidence.open', `The period is closed until ${instant(until)} only: ${why}.`, {
      hint: `Give --to ${instant(until)} or earlier, or try again later.`,
    });
  }
  const end = to ?? until;
  if (end <= from)
    throw new GwError('usage.invalid', `There is nothing from ${instant(from)} on that is closed: the log is closed until ${instant(until)}.`, {
      hint: 'Give an earlier --from.',
    });
  return select(logs, journals, { survey, deletions }, from, end);
}

/**
 * That entries of the period were not given up: of a log that was pruned nothing is known at the time of its first entry, and before.
 * @throws GwError `usage.invalid` when the period begins there
 */
export async function requireKept(logs: readonly SlicedLog[], from: number): Promise<void> {
  for (const log of logs) {
    if (log.kept === 0) continue;
    let begin: number | null = null;
    for await (const { index, leaf } of log.leaves()) {
      if (index < log.kept) continue;
      begin = Date.parse(leaf.time);
      break;
    }
    if (begin === null || from > begin) continue;
    throw new GwError(
      'usage.invalid',
      `The period begins at ${instant(from)}, and the log ${log.origin} was pruned: its entries before ${log.kept}, of ${instant(begin)}, are gone.`,
      { hint: `Give --from ${instant(begin + 1)} or later. A pack that was made before they went still verifies.` },
    );
  }
}

/** A journal may be on its way: a segment whose header cannot be read yet is as if it were not there. */
async function segmentsOf(journalDir: string, journal: string): Promise<StoredSegment[]> {
  const names = await readdir(`${journalDir}/${journal}`);
  return names.length === 0 ? [] : storedSegments(journalDir, journal);
}

function closedUntil(
  sights: readonly Sight[],
  survey: Survey,
  journals: ReadonlyMap<string, readonly StoredSegment[]>,
): { readonly until: number; readonly why: string } {
  let until = Number.MAX_SAFE_INTEGER;
  let why = '';
  let newest = 0;
  for (const { log, last } of sights) {
    if (last === null) continue;
    newest = Math.max(newest, Date.parse(last.time));
    if (last.kind === 'log.close' || Date.parse(last.time) >= until) continue;
    until = Date.parse(last.time);
    why = `the log ${log.origin} has nothing signed after that`;
  }
  for (const [journal, segments] of journals) {
    const open = segments.find(({ segment }) => !survey.segments.has(segmentKey(journal, segment)));
    if (open === undefined || open.createdAt >= until) continue;
    until = open.createdAt;
    why = `segment ${open.segment} of the journal ${journal} is not sealed and in the log yet`;
  }
  // All logs ended: nothing comes after their last entries.
  return until === Number.MAX_SAFE_INTEGER ? { until: newest + 1, why: 'the logs end there' } : { until, why };
}

async function select(
  logs: readonly SlicedLog[],
  journals: ReadonlyMap<string, readonly StoredSegment[]>,
  { survey, deletions }: { readonly survey: Survey; readonly deletions: Deletions },
  from: number,
  to: number,
): Promise<ClosedPeriod> {
  const sessions = [...survey.sessions.values()].filter(({ start }) => start === null || Date.parse(start.time) < to);
  const low = (journal: string): number =>
    sessions
      .filter((each) => each.journal === journal && each.start !== null)
      .reduce((least, { start }) => Math.min(least, Date.parse(start?.time ?? '')), from);
  const segments: NeededSegment[] = [];
  for (const [journal, list] of journals) {
    const begin = low(journal);
    for (const each of list) {
      const told = survey.segments.get(segmentKey(journal, each.segment));
      if (told !== undefined && told.time >= begin && each.createdAt < to) segments.push({ ...each, journal });
    }
  }
  const deleted = deletedOf(deletions, sessions, journals, from, to);
  const scope = { from, to: Math.max(to, deleted.horizon), backTo: deleted.brokenHold };
  const bounds = new Map<string, SliceBounds>();
  const furthest = new Map<string, number>();
  for (const log of logs) {
    const begins = sessions.filter((each) => each.log === log.origin && each.index !== null).map(({ index }) => index ?? 0);
    const needed = [...segments, ...deleted.segments.map(({ segment }) => segment)];
    const told = needed.flatMap(({ journal, segment }) => {
      const entry = survey.segments.get(segmentKey(journal, segment));
      return entry?.log === log.origin ? [entry.index] : [];
    });
    const words = deleted.entries.flatMap((each) => (each.log === log.origin ? [each.leaf.n] : []));
    const found = await sliceBounds(log, scope, begins, [...told, ...words], (leaf) => {
      for (const { log: other, size } of Date.parse(leaf.time) < to ? anchorsOf(leaf.data['anchors']) : [])
        furthest.set(other, Math.max(size, furthest.get(other) ?? 0));
    });
    if (found !== null) bounds.set(log.origin, found);
  }
  // What other logs say of one within the period is in the pack, also where the clock went back meanwhile.
  for (const log of logs) {
    const size = Math.min(log.size, furthest.get(log.origin) ?? 0);
    const found = bounds.get(log.origin);
    if (size > (found?.size ?? 0)) bounds.set(log.origin, { first: found?.first ?? size - 1, size });
  }
  return { from, to, bounds, segments };
}

/** What retention deleted of the period, and the entries that say so. @throws GwError `evidence.open` while a log may still tell of a hold */
function deletedOf(
  deletions: Deletions,
  sessions: readonly SurveyedSession[],
  journals: ReadonlyMap<string, readonly StoredSegment[]>,
  from: number,
  to: number,
): { readonly segments: readonly DeletedSegment[]; readonly entries: readonly ToldEntry[]; readonly horizon: number; readonly brokenHold: number | null } {
  const isHere = (journal: string, segment: number): boolean => journals.get(journal)?.some((each) => each.segment === segment) === true;
  const segments = deletions.segments({ from, to }, isHere);
  // Of a journal that has its first segment nothing is deleted.
  const gone = sessions.filter(({ journal }) => !isHere(journal, 1)).flatMap((session) => deletions.session(session) ?? []);
  const deletedBy = [...segments.map(({ prune }) => prune), ...gone.flatMap(({ ended, prune }) => [ended, prune])];
  // Why the content of a session cannot be read that is here all the same.
  const entries = [...deletedBy, ...sessions.flatMap(({ id }) => deletions.contentEndOf(id) ?? [])];
  const horizon = horizonOf(deletedBy);
  const [behind] = deletions.behind(deletedBy);
  if (behind !== undefined)
    throw new GwError('evidence.open', `Records of the period were deleted at ${instant(horizon)}, and the log ${behind} has nothing signed after that yet.`, {
      hint: 'Try again later.',
    });
  return { segments, entries, horizon, brokenHold: deletions.oldestBrokenHold(gone) };
}

/**
 * From the begin of the first session to the first entry after the period, or further where a segment was told later. What was deleted moves both: the end
 * to the word about it, the begin (`backTo`) to the last entry before a hold that it was deleted against.
 */
async function sliceBounds(
  log: SlicedLog,
  { from, to, backTo }: Pick<PackScope, 'from' | 'to'> & { readonly backTo: number | null },
  begins: readonly number[],
  told: readonly number[],
  see: (leaf: AuditLeaf) => void,
): Promise<SliceBounds | null> {
  let first: number | null = null;
  let size = 0;
  let closed = false;
  let before: number | null = null;
  for await (const { index, leaf } of log.leaves()) {
    const time = Date.parse(leaf.time);
    see(leaf);
    if (backTo !== null && (before === null || time < backTo)) before = index;
    if (time < to) {
      size = index + 1;
      closed = leaf.kind === 'log.close';
      if (time >= from) first ??= index;
    } else {
      // The entry that shows that nothing of the period is missing at its end.
      if (size > 0 && !closed) size = index + 1;
      break;
    }
  }
  size = Math.max(size, ...told.map((index) => index + 1));
  if (size === 0) return null;
  return { first: Math.min(first ?? size - 1, size - 1, before ?? size - 1, ...begins, ...told), size };
}
