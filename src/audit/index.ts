/** The audit domain: what is written about the gateway's own doings, how each field may be used, and the signed log that holds it. */
export { AUDIT_EVENTS, type AuditData, type AuditKind } from './audit-events.js';
export type { AuditLeaf } from './audit-leaf.js';
export { type AuditLog, classify, createAuditLog } from './audit-log.js';
export { AuditTrail } from './audit-trail.js';
export { parseCheckpoint } from './checkpoint.js';
export { type Cosigned, cosignLogs } from './cosign-logs.js';
export { endedInOrder } from './ended-in-order.js';
export { entryMatches } from './entry-matches.js';
export { endsOfLogs, followLogs } from './follow-logs.js';
export type { LogProblem } from './log-problem.js';
export { checkLogProof, proveLeaves } from './log-proof.js';
export { LogWriter } from './log-writer.js';
export { KEY_TYPE, newSigningKey, parseVerifierKey, publicKeyBytes, readSigningKey, type VerifierKey, verifierKey } from './note-key.js';
export { placesOf, searchLogs } from './search-logs.js';
export { verifyNote } from './signed-note.js';
export { type LogsReport, verifyLogs } from './verify-logs.js';
