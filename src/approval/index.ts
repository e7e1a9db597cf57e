/** The approval domain: requests that people decide on, and what their decisions are good for. */
export { ApprovalDesk, type Reviewer } from './desk.js';
export type { ApprovalAudit, DeskServices } from './desk-services.js';
export { Notifier } from './notifier.js';
export { postSignedBody } from './webhook-post.js';
