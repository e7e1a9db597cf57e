/** The approval domain of one worker, over the shared state: what is asked here may be decided in any other process. */
import { ApprovalDesk } from '../approval/index.js';
import type { AuditLog } from '../audit/index.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Store } from '../store/index.js';
import type { LivePolicy } from './live-policy.js';

export interface ApprovalWiring {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly policy: LivePolicy;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createApprovals({ store, audit, policy, clock, logger }: ApprovalWiring): ApprovalDesk {
  return new ApprovalDesk({
    store: store.approvals,
    bus: store.bus,
    audit,
    clock,
    logger,
    policy: () => policy.digest,
    isLocked: (issuer, subject) => store.subjects.isLocked(issuer, subject),
    emailOf: (issuer, subject) => store.subjects.emailOf(issuer, subject),
    notify: () => undefined,
  });
}
