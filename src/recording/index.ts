/**
 * The recording domain: the session journal behind the port `contract/recording.ts` (design section 7, format in docs/spec/journal.md).
 * Writes on the path, reads, verifies and repairs beside it. Everything outside this folder imports from here.
 */

export { ClientRecordings } from './client/client-recordings.js';
export type { ReadRecord } from './client/compare-terminals.js';
export { EntryOpener } from './encryption/entry-opener.js';
export { JournalKeyring, type JournalKeys, type KeyUnwrapper, type KeyWrapper, plainJournals, readWrappedKey } from './encryption/journal-keyring.js';
export { createKeyFileWrapper, type KeyFile, readKeyFile } from './encryption/key-file.js';
export { decodeEvent, decodeObject, type Entry } from './entry-decoder.js';
export { contentState, eraseNumbered, sessionNumber } from './erase-session.js';
export { exportSession, followSession } from './export/export-session.js';
export { KIND } from './format.js';
export type { GroupJournal } from './group-journal.js';
export { isUnused, listWorkers, PRUNED_FILE } from './journal-directory.js';
export { MerkleTree } from './merkle-tree.js';
export { type JournalOptions, openJournal } from './open-journal.js';
export { type EntryContent, provedBytes, proveEntries, readProvedEntry, unsealed } from './prove-entries.js';
export { type Prunable, prunableSegments, pruneSegments } from './prune-journal.js';
export { type JournalEvent, readEvents } from './read-events.js';
export { type JournalledOperation, readOperations } from './read-operations.js';
export { type ListedSession, listSessions, readSession } from './read-session.js';
export type { RecordedOperation, RecordedStream, SessionItem } from './recorded.js';
export { type RecoveredSession, type Recovery, type RecoveryOptions, recoverJournals } from './recover-journals.js';
export { replayOperations } from './replay-operations.js';
export type { SealedSegment } from './sealed-segment.js';
export type { SegmentFiles } from './segment-file.js';
export { SessionJoiner } from './session-joiner.js';
export { readStoredEntry, readStoredSegment, type StoredSegment, sessionOfStart, storedLeaf, storedSegments } from './stored-entries.js';
export { type JournalReport, type OwnEvents, type SegmentReport, verifyJournal, type WorkerReport } from './verify-journal.js';
export type { JournalProblem, ProblemCode } from './walk-journal.js';
export { isWorkerAlive } from './worker-lock.js';
