/** How sections are made: each is told what happens in the order in which it is read, and writes its tables. Types only. */
import type { AuditLeaf } from '../../audit/index.js';
import type { SessionStart } from '../../contract/recording.js';
import type { DeletedRecords } from '../deleted-records.js';
import type { Deletions } from '../deletions.js';
import type { LoggedEvent } from '../events.js';
import type { StoryOperation, StorySession } from '../journal-story.js';
import type { Locks } from '../locks.js';
import type { PackScope } from '../pack-scope.js';
import type { Draw } from '../sampling.js';
import type { Survey } from '../survey.js';
import type { Section, Tally } from './section.js';

/** A policy that was in force, as canonical JSON: its digest is over just this text. */
export interface PackPolicy {
  readonly digest: string;
  readonly canonical: string;
}

export interface LogFacts {
  readonly origin: string;
  readonly first: number;
  readonly size: number;
  readonly root: string;
  /** Whether the entries give the root. */
  readonly rootHolds: boolean;
  readonly firstTime: string;
  readonly lastTime: string;
  /** Problems of order: places and times of entries, numbers of sessions. */
  readonly disorder: readonly string[];
  readonly heartbeats: number;
  /** It says that it ended, or goes on past the period. */
  readonly reachesEnd: boolean;
}

export interface SliceFacts {
  readonly journal: string;
  readonly segment: number;
  readonly entries: number;
  readonly shown: number;
  readonly root: string;
}

export interface Overview {
  readonly scope: PackScope;
  readonly survey: Survey;
  readonly logs: readonly LogFacts[];
  readonly slices: readonly SliceFacts[];
  readonly policies: readonly PackPolicy[];
  readonly drawn: ReadonlySet<string>;
  readonly starts: ReadonlyMap<string, SessionStart>;
  /** Sessions as far as they were told by the journals. */
  readonly told: ReadonlyMap<string, StorySession>;
}

export interface Closing extends Overview {
  /** What is not there because retention deleted it. */
  readonly deleted: DeletedRecords;
  /** What the entries at hand tell of rules, holds, and ends of records. */
  readonly deletions: Deletions;
  readonly locks: Locks;
  readonly events: readonly LoggedEvent[];
  readonly isAtEdge: (event: LoggedEvent) => boolean;
  /** Events of journals that the log does not have. */
  readonly unlogged: readonly string[];
  /** Entries of the log that stand in a table, by kind. */
  readonly claimed: Tally;
  readonly draws: readonly Draw[];
  readonly sections: readonly Section[];
}

export interface SectionMaker {
  readonly sections: readonly Section[];
  /** An entry of the period, in the order of its log. Before all journals. */
  leaf?(log: string, leaf: AuditLeaf): void;
  /** An operation of the period. */
  operation?(told: StoryOperation): void;
  /** After the last journal; the makers in their order. */
  finish(closing: Closing): void;
}
