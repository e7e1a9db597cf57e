/** The HTTP API of the gateway. Entry point of the domain. */
export type { ApiServices, ApiSettings, AuditReader, LocalSessions, RecordPage, SessionRecords } from './api-services.js';
export type { CertificateDesk } from './certificate-desk.js';
export { type Api, createApi } from './create-api.js';
export type { EvidenceDesk } from './evidence-desk.js';
export type { MaskingDesk } from './masking-desk.js';
export type { PolicyDesk } from './policy-desk.js';
export type { RetentionDesk } from './retention-desk.js';
