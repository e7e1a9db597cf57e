/**
 * The recording domain: the session journal behind the port `contract/recording.ts` (design section 7, format in docs/spec/journal.md).
 * Writes on the path, reads, verifies and repairs beside it. Everything outside this folder imports from here.
 */
export { openJournal, type JournalOptions } from './open-journal.js';
export type { GroupJournal } from './group-journal.js';
export { listSessions, readSession, type ListedSession } from './read-session.js';
export type { RecordedOperation, RecordedStream, SessionItem } from './recorded.js';
export { recoverJournals, type RecoveredSession, type Recovery, type RecoveryOptions } from './recover-journals.js';
export type { SegmentFiles } from './segment-file.js';
export { verifyJournal, type JournalReport, type SegmentReport, type WorkerReport } from './verify-journal.js';
export type { JournalProblem, ProblemCode } from './walk-journal.js';
