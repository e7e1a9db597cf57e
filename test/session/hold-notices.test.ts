/** What a client that waits is told: who is asked, until when, and why, in the words of whoever wrote the rule. */
import { expect, it } from 'vitest';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import { heldNotice } from '../../src/session/hold-notices.js';

const record = (reasons: readonly string[]): ApprovalRecord =>
  ({
    id: 'apr_1',
    target: 'bank-db',
    rule: 'bank/ledger',
    reasons,
    operation: null,
    demand: { approvers: [{ rule: 'bank/ledger', groups: ['dba', 'ledger-owners'], quorum: 2 }] },
    expiresAt: Date.UTC(2026, 2, 1, 11),
  }) as unknown as ApprovalRecord;

it('a client that waits is told all reasons, also what the author of the rule says', () => {
  const { detail } = heldNotice(record(['delete on ledger.entries: rule bank/ledger asks for approval', 'The ledger needs two pairs of eyes.']), false);
  expect(detail).toBe(
    'Rule bank/ledger asks 2 of dba or ledger-owners: delete on ledger.entries: rule bank/ledger asks for approval; ' +
      'The ledger needs two pairs of eyes. It expires at 2026-03-01 11:00 UTC.',
  );
});

it('without a reason none is made up', () => {
  expect(heldNotice(record([]), false).detail).toBe('Rule bank/ledger asks 2 of dba or ledger-owners. It expires at 2026-03-01 11:00 UTC.');
});
