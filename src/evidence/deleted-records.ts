/**
 * What a pack lacks because retention deleted it, told once for all sections: segments and sessions that are not in its journals, and that the log says were
 * deleted in order. What is missing without that word is not among them. Pure.
 */
import type { AuditLeaf } from '../audit/index.js';
import { type DeletedSegment, type DeletedSession, Deletions } from './deletions.js';
import type { PackScope } from './pack-scope.js';
import { type Survey, segmentKey, sessionsInOrder } from './survey.js';

export interface DeletedRecords {
  readonly segments: readonly DeletedSegment[];
  /** By id; those of the scope whose begin is in no journal of the pack. */
  readonly sessions: ReadonlyMap<string, DeletedSession>;
  /** The period that each went by, in days; null: the entries of the pack do not tell it. */
  readonly rules: ReadonlyMap<DeletedSegment, number | null>;
  /** What was deleted against a hold or before its time. */
  readonly problems: readonly string[];
  /** Logs that do not reach the last word about what was deleted. */
  readonly behind: readonly string[];
  /** Whether an entry is so old that its event was in a segment that is deleted. */
  held(leaf: AuditLeaf): boolean;
}

const DAY_MS = 86_400_000;

export const isAny = ({ segments, sessions }: Pick<DeletedRecords, 'segments' | 'sessions'>): boolean => segments.length > 0 || sessions.size > 0;

/** Added to a claim only where something was deleted: the words of packs without that stay as they are. */
export const unless = (deleted: DeletedRecords): string => (isAny(deleted) ? ', or was deleted by retention, as the log says' : '');

interface Shown {
  readonly scope: PackScope;
  readonly survey: Survey;
  readonly slices: readonly { readonly journal: string; readonly segment: number }[];
  /** Sessions by id, as the journals tell them. */
  readonly told: ReadonlyMap<string, { readonly begun: boolean }>;
}

export function deletedRecords(deletions: Deletions, { scope, survey, slices, told }: Shown): DeletedRecords {
  const there = new Set(slices.map(({ journal, segment }) => segmentKey(journal, segment)));
  const segments = deletions.segments(scope, (journal, segment) => there.has(segmentKey(journal, segment)));
  const gone = sessionsInOrder(survey).flatMap((session) => {
    const isOther = scope.session !== null && session.id !== scope.session;
    return isOther || told.get(session.id)?.begun === true ? [] : (deletions.session(session) ?? []);
  });
  const newest = Deletions.newest(segments);
  const entries = [...segments.map(({ prune }) => prune), ...gone.flatMap(({ ended, prune }) => [ended, prune])];
  return {
    segments,
    sessions: new Map(gone.map((each) => [each.session.id, each])),
    rules: new Map(segments.map((each) => [each, inDays(deletions.ruleOf(each.prune))])),
    problems: deletions.problems(segments, gone),
    behind: deletions.behind(entries),
    held: ({ journal, time }) => Date.parse(time) <= (newest.get(journal) ?? -1),
  };
}

export const inDays = (ms: number | null): number | null => (ms === null ? null : ms / DAY_MS);

/** In words, for those who read no tables; null: nothing was deleted. */
export function deletedText({ segments, sessions }: DeletedRecords): string | null {
  if (!isAny({ segments, sessions })) return null;
  const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
  const days = [...segments.map(({ prune }) => prune), ...[...sessions.values()].map(({ prune }) => prune)].map(({ leaf }) => leaf.time.slice(0, 10)).sort();
  const [first = '', last = ''] = [days[0], days.at(-1)];
  const when = first === last ? `on ${first}` : `from ${first} to ${last}`;
  return `${count(segments.length, 'segment')} of journals and the records of ${count(sessions.size, 'session')} of the period were deleted by retention ${when}, as the log says: E01/deleted.csv and E11/deleted.csv tell which, when, and by which rule. What those sessions did cannot be shown any more.`;
}
