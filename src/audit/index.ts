/** The audit domain: what is written about the gateway's own doings, and how each field may be used. */
export { AUDIT_EVENTS, type AuditData, type AuditKind } from './audit-events.js';
export { type AuditLog, classify, createAuditLog } from './audit-log.js';
