/** The approval domain of one worker, over the shared state: what is asked here may be decided in any other process. */
import { ApprovalDesk, Notifier } from '../approval/index.js';
import type { AuditLog } from '../audit/index.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { readEnvironment } from '../config/index.js';
import type { Store } from '../store/index.js';
import { readSecret } from '../targets/index.js';
import type { LiveConfig } from './live-config.js';
import type { LivePolicy } from './live-policy.js';

export interface ApprovalWiring {
  readonly live: LiveConfig;
  readonly store: Store;
  readonly audit: AuditLog;
  readonly policy: LivePolicy;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Approvals {
  readonly desk: ApprovalDesk;
  close(): Promise<void>;
}

export function createApprovals({ live, store, audit, policy, clock, logger }: ApprovalWiring): Approvals {
  const notifier = new Notifier({
    gateway: live.current().config.gateway.name,
    settings: () => live.current().config.approvals.notify,
    secret: (source) => readSecret(source, readEnvironment),
    clock,
    logger,
  });
  const desk = new ApprovalDesk({
    store: store.approvals,
    bus: store.bus,
    audit,
    clock,
    logger,
    policy: () => policy.digest,
    isLocked: (issuer, subject) => store.subjects.isLocked(issuer, subject),
    emailOf: (issuer, subject) => store.subjects.emailOf(issuer, subject),
    notify: (before, after) => notifier.changed(before, after),
  });
  return {
    desk,
    close: async () => {
      desk.close();
      await notifier.close();
    },
  };
}
