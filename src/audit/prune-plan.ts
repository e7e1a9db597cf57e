/**
 * How much of the beginning of a log may go. A log is cut only where a process began, and only when everything before that is older than the period and
 * needed by nothing: no journal on disk, no hold, no open request, no sink, no entry that stays in any log. What is in doubt stays.
 */
import { type AuditLeaf, decodeLeaf } from './audit-leaf.js';
import { parseCheckpoint } from './checkpoint.js';
import { type RetoldHold, retoldHolds } from './holds.js';
import { LogFiles } from './log-files.js';
import { PruneFacts } from './prune-facts.js';
import { BEGINNINGS, bundlesBefore } from './pruning.js';

/** A hold in force, as the state database has it. */
export interface ForcedHold {
  readonly id: string;
  readonly scope: string;
  readonly value: string;
  readonly issuer: string | null;
}

export interface PruneLimits {
  readonly keepMs: number;
  /** Up to when time is known to have passed, milliseconds since the epoch. */
  readonly known: number;
  /** Journals of which something is on disk. */
  readonly journals: ReadonlySet<string>;
  readonly holds: readonly ForcedHold[];
  /** Ids of requests that are not over. */
  readonly openRequests: ReadonlySet<string>;
  /** Entries from this index on somebody has not taken yet. */
  readonly taken: number;
  /** Fewer entries than a bundle can go too: a log that does not grow must not hold others up by the little that is left of it. */
  readonly few: boolean;
}

export interface PrunePlan {
  /** Index of the first entry that is kept now, and then. */
  readonly from: number;
  readonly first: number;
  /** To be told again. */
  readonly holds: readonly RetoldHold[];
  /** Announced already and not done: index of the entry. */
  readonly announced: number | null;
}

/**
 * @param directory of the log @param all directories of all logs of the gateway
 * @returns null when nothing may go. @throws GwError `audit.invalid` when a log cannot be read
 */
export async function planPruning(directory: string, all: readonly string[], limits: PruneLimits): Promise<PrunePlan | null> {
  const files = new LogFiles(directory);
  const bytes = await files.checkpoint();
  const checkpoint = bytes === null ? null : (parseCheckpoint(bytes)?.checkpoint ?? null);
  if (checkpoint === null) return null;
  const pruning = await files.pruning();
  const from = pruning?.first ?? 0;
  // Most looks end here, after a few entries: the log begins with a process of which something is there.
  if ((await candidates(files, checkpoint.size, from, limits, () => false)).length === 0) return null;
  const facts = await PruneFacts.read(all);
  const own = checkpoint.origin;
  const seen = facts.anchors.get(own) ?? Number.POSITIVE_INFINITY;
  const mostTaken = { ...limits, taken: Math.min(limits.taken, seen) };
  const gone: AuditLeaf[] = [];
  const needs: Needs = { own, facts, journals: limits.journals, openRequests: limits.openRequests, inForce: [...forced(facts), ...limits.holds] };
  const places = await candidates(files, checkpoint.size, from, mostTaken, (leaf) => {
    gone.push(leaf);
    return isNeeded(leaf, needs);
  });
  const first = settled(places, gone, own, facts);
  if (first === null) return null;
  const pending = (facts.announced.get(own) ?? []).filter((each) => each.first > from && each.first <= first);
  const announced = pending.sort((a, b) => b.first - a.first || b.n - a.n)[0] ?? null;
  const begin = Date.parse(places.find(({ index }) => index === first)?.time ?? '');
  const oldest = Math.min(begin, ...facts.logs.filter(({ origin }) => origin !== own).map((each) => each.begin));
  const holds = [...(pruning === null ? [] : retoldHolds(pruning.leaf)), ...gone.filter(({ n }) => n < first).flatMap((leaf) => retold(leaf, facts))];
  const needed = holds.filter(({ until }) => Date.parse(until) >= oldest);
  return { from, first: announced?.first ?? first, holds: needed, announced: announced?.n ?? null };
}

interface Candidate {
  readonly index: number;
  readonly time: string;
}

/** Where the log could be cut: beginnings of processes before the first entry that has to stay. */
async function candidates(
  files: LogFiles,
  size: number,
  from: number,
  { keepMs, known, journals, taken, few }: PruneLimits,
  isNeededToo: (leaf: AuditLeaf) => boolean,
): Promise<Candidate[]> {
  const found: Candidate[] = [];
  let before = '';
  for await (const { index, leaf: raw } of files.leaves(size, from)) {
    const leaf = decodeLeaf(raw);
    if (leaf === null || index > taken || !(Date.parse(leaf.time) + keepMs <= known)) break;
    // `log.recovered` comes before `log.open`: it is the beginning then.
    if (index > from && BEGINNINGS.has(leaf.kind) && !(leaf.kind === 'log.open' && before === 'log.recovered')) found.push({ index, time: leaf.time });
    before = leaf.kind;
    if (journals.has(leaf.journal) || isNeededToo(leaf)) break;
  }
  return found.filter(({ index }) => few || bundlesBefore(index) > bundlesBefore(from));
}

interface Needs extends Pick<PruneLimits, 'journals' | 'openRequests'> {
  /** Origin of the log. */
  readonly own: string;
  readonly facts: PruneFacts;
  /** By the logs and by the state database. */
  readonly inForce: readonly ForcedHold[];
}

/** Whether an entry has to stay, wherever the log is cut. */
function isNeeded(leaf: AuditLeaf, { own, facts, journals, openRequests, inForce }: Needs): boolean {
  const { kind, data } = leaf;
  if (!facts.isGone(leaf.journal, journals)) return true;
  for (const mention of facts.mentions(leaf)) {
    if (!facts.isGone(mention.journal, journals)) return true;
    // What stays in another log must not lose what explains it.
    for (const [log, last] of facts.lastBelow(mention)) {
      if (log !== own && last >= firstOf(facts, log)) return true;
    }
  }
  if (typeof data['approval'] === 'string' && openRequests.has(data['approval'])) return true;
  if (kind === 'hold.add') return inForce.some(({ id }) => id === data['hold']) || !facts.released.has(String(data['hold']));
  if (kind === 'hold.release') {
    const placed = facts.placed.get(String(data['hold']));
    return placed !== undefined && placed.log !== own;
  }
  // From it a verifier knows that a session was gone before the hold on it came.
  if (kind === 'log.prune' && inForce.some(({ scope }) => scope === 'session')) return true;
  return inForce.some((hold) => isAbout(leaf, hold));
}

const firstOf = (facts: PruneFacts, log: string): number => facts.logs.find(({ origin }) => origin === log)?.first ?? 0;

/** Holds in force by the logs. */
function forced(facts: PruneFacts): ForcedHold[] {
  return [...facts.placed]
    .filter(([id]) => !facts.released.has(id))
    .map(([id, { leaf }]) => ({ id, scope: String(leaf.data['scope']), value: String(leaf.data['value']), issuer: String(leaf.data['holdIssuer'] ?? '') }));
}

/** Fields of an entry in which a subject stands, each with that of its issuer. */
const SUBJECTS = [
  ['subject', 'issuer'],
  ['actorSubject', 'actorIssuer'],
  ['sessionSubject', 'sessionIssuer'],
  ['requesterSubject', 'requesterIssuer'],
] as const;

function isAbout({ data }: AuditLeaf, { scope, value, issuer }: ForcedHold): boolean {
  if (scope === 'session') return data['session'] === value;
  if (scope === 'target') return data['target'] === value;
  return SUBJECTS.some(([subject, from]) => data[subject] === value && data[from] === issuer);
}

/** The last candidate with which nothing stays that needs what goes, in this log itself. */
function settled(places: readonly Candidate[], gone: readonly AuditLeaf[], own: string, facts: PruneFacts): number | null {
  let at = places.length - 1;
  for (let moved = true; moved; ) {
    moved = false;
    const first = places[at]?.index;
    if (first === undefined) return null;
    for (const leaf of gone) {
      if (leaf.n >= first) break;
      // An entry that goes must not be about a process of which earlier word stays.
      if (!facts.mentions(leaf).some((mention) => (facts.lastBelow(mention).get(own) ?? -1) >= first)) continue;
      while (at >= 0 && (places[at]?.index ?? 0) > leaf.n) at--;
      moved = true;
      break;
    }
  }
  return places[at]?.index ?? null;
}

/** A released hold of which the entry goes. */
function retold({ kind, data, time }: AuditLeaf, facts: PruneFacts): RetoldHold[] {
  const until = kind === 'hold.add' ? facts.released.get(String(data['hold'])) : undefined;
  if (until === undefined) return [];
  const { hold, scope, value, holdIssuer } = data;
  return [{ hold: String(hold), scope: String(scope), value: String(value), holdIssuer: String(holdIssuer ?? ''), from: time, until }];
}
