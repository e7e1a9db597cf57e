/** What the approval domain is given by the composition root. Ports only. */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { ApprovalRecord, ApprovalStore } from '../contract/approval.js';
import type { ApprovalAuditData } from '../contract/approval-audit.js';
import { GwError } from '../contract/gw-error.js';
import { type Identity, principalOf } from '../contract/identity.js';
import type { Bus } from '../contract/session-store.js';
import type { RecordStart } from './describe.js';

/** What the gateway itself does with requests; what people do through the API is written by its routes. */
export type ApprovalAuditKind =
  | 'approval.hold'
  | 'approval.use'
  | 'approval.cancel'
  | 'approval.expire'
  | 'approval.break_glass'
  | 'grant.use'
  | 'grant.revoke';

export interface ApprovalAudit {
  record(kind: ApprovalAuditKind, data: ApprovalAuditData): Promise<void>;
}

export interface DeskServices {
  readonly store: ApprovalStore;
  readonly bus: Bus;
  readonly audit: ApprovalAudit;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Digest of the policy in force. */
  policy(): string;
  isLocked(issuer: string, subject: string): Promise<boolean>;
  /** The address under which a subject was last seen, or null. */
  emailOf(issuer: string, subject: string): Promise<string | null>;
  /** Told of every change that this process made, once. */
  notify(before: ApprovalRecord | null, after: ApprovalRecord): void;
}

/** The address of an identity: what its token says, or what an earlier one said, so that nobody becomes two people by leaving it out. */
export async function addressOf({ issuer, subject, email }: Pick<Identity, 'issuer' | 'subject' | 'email'>, services: DeskServices): Promise<string | null> {
  return email ?? services.emailOf(issuer, subject);
}

/** Both addresses that count as the requester's. A delegated token says that of the person behind it. */
export async function addressesOf(identity: Identity, services: DeskServices): Promise<Pick<RecordStart, 'requesterEmail' | 'principalEmail'>> {
  const principal = principalOf(identity);
  const said = identity.claims['email'];
  return {
    requesterEmail: await addressOf(identity, services),
    principalEmail:
      principal === null
        ? null
        : ((await services.emailOf(principal.issuer, principal.subject)) ?? (identity.email === null && typeof said === 'string' ? said : null)),
  };
}

/** Requests of one requester that may be open at a time: a loop in a script must not bury those who decide. */
const OPEN_LIMIT = 500;

/** @throws GwError `session.limit` */
export async function requireRoom({ issuer, subject }: Identity, store: ApprovalStore): Promise<void> {
  const open = await store.list({ requester: { issuer, subject }, states: ['pending'], limit: OPEN_LIMIT });
  if (open.length >= OPEN_LIMIT)
    throw new GwError('session.limit', `${OPEN_LIMIT} requests of yours wait already.`, { hint: 'Cancel some with `gw request cancel ID`.' });
}
