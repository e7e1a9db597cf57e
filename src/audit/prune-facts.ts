/**
 * What the entries of all logs say that decides whether older ones may go: processes and who tells of them, holds, sealed and pruned segments, and how far
 * each log was seen by another. One pass over the logs. Pure but for reading; entries are untrusted.
 */
import { type AuditLeaf, decodeLeaf } from './audit-leaf.js';
import { parseCheckpoint } from './checkpoint.js';
import { LogFiles } from './log-files.js';

/** How an entry is about a process: written by it, told of its segments and sessions by another, told of their end. What stays needs what has a lower one. */
export const RANK = { own: 0, told: 1, ended: 2 } as const;
export type Rank = (typeof RANK)[keyof typeof RANK];

export interface Mention {
  readonly journal: string;
  readonly rank: Rank;
}

interface KeptLog {
  readonly directory: string;
  readonly origin: string;
  readonly size: number;
  readonly first: number;
  /** Time of its first entry that is kept, milliseconds since the epoch. */
  begin: number;
}

export class PruneFacts {
  readonly logs: KeptLog[] = [];
  /** Of every hold: where it was placed. */
  readonly placed = new Map<string, { readonly log: string; readonly leaf: AuditLeaf }>();
  /** When it was released. */
  readonly released = new Map<string, string>();
  /** Entries `log.prune` by log. */
  readonly announced = new Map<string, { readonly n: number; readonly first: number }[]>();
  /** The furthest that another log saw each. */
  readonly anchors = new Map<string, number>();
  /** Index of the last entry of each rank about a process, by log: `journal` → log → rank. */
  readonly #last = new Map<string, Map<string, number[]>>();
  readonly #journalOf = new Map<string, string>();
  readonly #sessions = new Map<string, number>();
  readonly #segments = new Map<string, number>();
  readonly #pruned = new Map<string, number>();

  /** @throws GwError `audit.invalid` when a log cannot be read: then nothing may go */
  static async read(directories: readonly string[]): Promise<PruneFacts> {
    const facts = new PruneFacts();
    for (const directory of directories) {
      const files = new LogFiles(directory);
      const bytes = await files.checkpoint();
      const checkpoint = bytes === null ? null : (parseCheckpoint(bytes)?.checkpoint ?? null);
      if (checkpoint === null) continue;
      const { origin, size } = checkpoint;
      const log: KeptLog = { directory, origin, size, first: await files.first(), begin: Number.POSITIVE_INFINITY };
      for await (const { index, leaf: raw } of files.leaves(size, log.first)) {
        const leaf = decodeLeaf(raw);
        if (leaf === null) continue;
        if (index === log.first) log.begin = Date.parse(leaf.time);
        facts.#take(origin, leaf);
      }
      facts.logs.push(log);
    }
    return facts;
  }

  /** The processes that an entry is about, but for the one that wrote it. */
  mentions({ kind, data }: AuditLeaf): Mention[] {
    const about = (name: string, rank: Rank): Mention[] => (typeof data[name] === 'string' ? [{ journal: data[name], rank }] : []);
    switch (kind) {
      case 'session.recovered':
        return about('journalOfSession', RANK.told);
      case 'journal.segment':
        return about('journalOfSegment', RANK.told);
      case 'session.expire':
        return about('journalOfSession', RANK.ended);
      case 'journal.prune':
        return about('journalOfSegment', RANK.ended);
      case 'session.erase': {
        const journal = this.#journalOf.get(String(data['session']));
        return journal === undefined ? [] : [{ journal, rank: RANK.ended }];
      }
      default:
        return [];
    }
  }

  /** Whether nothing of a journal is left that the log would have to vouch for. @param there journals on disk */
  isGone(journal: string, there: ReadonlySet<string>): boolean {
    if (there.has(journal)) return false;
    const segments = this.#segments.get(journal) ?? 0;
    // Sessions without a segment: their journal was lost, and the log is what shows it.
    return segments === 0 ? (this.#sessions.get(journal) ?? 0) === 0 : (this.#pruned.get(journal) ?? 0) >= segments;
  }

  /** Index of the last entry of a lower rank about a process, by log. */
  lastBelow({ journal, rank }: Mention): Map<string, number> {
    const found = new Map<string, number>();
    for (const [log, last] of this.#last.get(journal) ?? []) {
      const index = Math.max(-1, ...last.slice(0, rank));
      if (index >= 0) found.set(log, index);
    }
    return found;
  }

  #take(log: string, leaf: AuditLeaf): void {
    const { kind, data, n, journal } = leaf;
    this.#mention(log, n, { journal, rank: RANK.own });
    for (const mention of this.mentions(leaf)) this.#mention(log, n, mention);
    const text = (name: string): string => String(data[name]);
    if (kind === 'session.start') {
      this.#journalOf.set(text('session'), journal);
      this.#sessions.set(journal, (this.#sessions.get(journal) ?? 0) + 1);
    } else if (kind === 'session.recovered') this.#sessions.set(text('journalOfSession'), (this.#sessions.get(text('journalOfSession')) ?? 0) + 1);
    else if (kind === 'journal.segment') raise(this.#segments, text('journalOfSegment'), Number(data['segment']));
    else if (kind === 'journal.prune') raise(this.#pruned, text('journalOfSegment'), Number(data['through']));
    else if (kind === 'hold.add') this.placed.set(text('hold'), { log, leaf });
    else if (kind === 'hold.release') this.released.set(text('hold'), leaf.time);
    else if (kind === 'log.prune') this.announced.set(log, [...(this.announced.get(log) ?? []), { n, first: Number(data['first']) }]);
    const { anchors } = data;
    if (!Array.isArray(anchors)) return;
    for (const each of anchors as readonly { readonly log?: unknown; readonly size?: unknown }[]) raise(this.anchors, String(each.log), Number(each.size));
  }

  #mention(log: string, n: number, { journal, rank }: Mention): void {
    let logs = this.#last.get(journal);
    if (logs === undefined) this.#last.set(journal, (logs = new Map<string, number[]>()));
    let last = logs.get(log);
    if (last === undefined) logs.set(log, (last = [-1, -1, -1]));
    last[rank] = n;
  }
}

function raise(most: Map<string, number>, key: string, value: number): void {
  if (value > (most.get(key) ?? 0)) most.set(key, value);
}
