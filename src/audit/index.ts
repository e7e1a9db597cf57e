/** The audit domain: what is written about the gateway's own doings, how each field may be used, and the signed log that holds it. */
export {
  ADD_CHECKPOINT_BYTES,
  answerAddCheckpoint,
  encodeAddCheckpoint,
  SIZE_TYPE,
  type WitnessAnswer,
  withCosignature,
} from './add-checkpoint.js';
export { type Anchor, anchorsOf } from './anchor.js';
export { AnchorBook } from './anchor-book.js';
export { AUDIT_EVENTS, type AuditData, type AuditKind } from './audit-events.js';
export { type AuditLeaf, decodeLeaf } from './audit-leaf.js';
export { type AuditLog, classify, createAuditLog } from './audit-log.js';
export { AuditTrail, type NewKeys } from './audit-trail.js';
export { readBounded } from './bounded-file.js';
export { brokenAnchor } from './broken-anchor.js';
export { type Checkpoint, isSigned, parseCheckpoint, signCheckpoint } from './checkpoint.js';
export { type Cosigned, cosignLogs } from './cosign-logs.js';
export { endedInOrder } from './ended-in-order.js';
export { decodeBundle, encodeBundle } from './entry-bundle.js';
export { entryMatches } from './entry-matches.js';
export { EventDigest } from './event-digest.js';
export { endsOfLogs, followLogs } from './follow-logs.js';
export { type HeldContent, Holds, type Place } from './holds.js';
export { followRotations, type KeyChain, keepRotation, parseRotation, readRotations, signRotation } from './key-rotation.js';
export { logState } from './live-log.js';
export { LOG_EVENTS } from './log-events.js';
export { LogFiles } from './log-files.js';
export type { LogProblem } from './log-problem.js';
export { checkLogProof, proveLeaves } from './log-proof.js';
export { LogSweep, newestEntry, newestOf } from './log-sweep.js';
export { LogWriter } from './log-writer.js';
export { KEY_TYPE, newSigningKey, parseVerifierKey, publicKeyBytes, publicKeyObject, readSigningKey, type VerifierKey, verifierKey } from './note-key.js';
export { pruneLog, removePruned } from './prune-log.js';
export { type ForcedHold, type PruneLimits, type PrunePlan, planPruning } from './prune-plan.js';
export { bundlesBefore, decodePruning, PRUNED_FILE } from './pruning.js';
export { READ_ATTEMPTS, readSteadily } from './read-steadily.js';
export { removeLeftovers } from './remove-leftovers.js';
export type { RetentionBook } from './retention-book.js';
export { ownHead, saysRootOverLogs, WRONG_ROOT_OVER_LOGS } from './root-over-logs.js';
export { placesOf, searchLogs } from './search-logs.js';
export { verifyNote } from './signed-note.js';
export { fileReceiver } from './sinks/file-receiver.js';
export { nativeRecord } from './sinks/native-record.js';
export { ocsfRecord } from './sinks/ocsf/ocsf-record.js';
export { readPlace, type SinkFailure, wasBegun } from './sinks/sink-place.js';
export type { SinkReceiver } from './sinks/sink-receiver.js';
export { SinkRunner } from './sinks/sink-runner.js';
export { sinkStatus } from './sinks/sink-status.js';
export { syslogReceiver } from './sinks/syslog-connection.js';
export { webhookReceiver } from './sinks/webhook-receiver.js';
export { levelWidth, TILE_WIDTH, type Tile, tilePath } from './tile-layout.js';
export { ToldTimestamps } from './timestamp/check-timestamps.js';
export { keepTimestamp, readTimestamp, TIMESTAMP_BYTES, timestampPaths } from './timestamp/kept-timestamps.js';
export { timestampPost } from './timestamp/timestamp-post.js';
export { readCertificates } from './timestamp/timestamp-signature.js';
export type { TimestampSettings } from './timestamp/timestamper.js';
export { checkContinuation, type LogReport } from './verify-log.js';
export { type LogsReport, verifyLogs } from './verify-logs.js';
export { cosignedFile, type Witness } from './witness-state.js';
