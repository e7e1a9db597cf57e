/** Records, identities and demands for tests of approvals. */

import { startRecord } from '../../src/approval/describe.js';
import type { ApprovalQuestion, ApprovalRecord } from '../../src/contract/approval.js';
import type { ApprovalDemand } from '../../src/contract/decision.js';
import type { Identity } from '../../src/contract/identity.js';
import type { Facts } from '../../src/contract/operation.js';

export const NOW = Date.parse('2026-03-01T10:00:00Z');
export const POLICY = 'sha256:policy-1';

export function identity(name: string, change: Partial<Identity> = {}): Identity {
  return {
    issuer: 'https://login.test',
    subject: `sub-${name}`,
    kind: 'person',
    name,
    email: `${name}@bank.test`,
    emailVerified: true,
    groups: ['engineers'],
    onBehalfOf: null,
    claims: {},
    expiresAt: NOW + 3_600_000,
    ...change,
  };
}

export function demand(change: Partial<ApprovalDemand> = {}): ApprovalDemand {
  return {
    approvers: [{ rule: 'bank/writes', groups: ['dba'], quorum: 1 }],
    groups: ['dba'],
    quorum: 1,
    expiresInMs: 600_000,
    tier: 'medium',
    confirmTarget: false,
    grantMs: null,
    breakGlassMs: null,
    ...change,
  };
}

const FACTS: Facts = {
  effects: [{ action: 'delete', resource: { type: 'relation', name: ['ledger', 'entries'], columns: null }, facts: { where: 'effective' } }],
  unknown: [],
  summary: 'deletes from ledger.entries',
  redacted: null,
};

export function question(text = 'delete from ledger.entries where id = 42', change: Partial<ApprovalQuestion> = {}): ApprovalQuestion {
  return {
    kind: 'operation',
    identity: identity('alice'),
    target: { name: 'bank-db', protocol: 'postgres' },
    account: null,
    scope: 'bank',
    session: 'ses_1',
    reason: 'TICKET-7',
    ticket: null,
    waitMs: null,
    breakGlass: false,
    sequence: 1,
    demand: demand(),
    policy: POLICY,
    rule: 'bank/writes',
    reasons: ['writes to the ledger ask'],
    operation: {
      facts: FACTS,
      exact: Buffer.from(text),
      form: 'query',
      parameters: null,
      language: 'sql',
      assurance: 'enforced',
      contextual: false,
      estimate: () => Promise.resolve(null),
    },
    ...change,
  };
}

export function record(change: Partial<ApprovalRecord> = {}, asked: ApprovalQuestion = question(), grantMs: number | null = null): ApprovalRecord {
  return { ...startRecord(asked, { grantMs, waiter: asked.session, now: NOW, requesterEmail: asked.identity.email, principalEmail: null }), ...change };
}
