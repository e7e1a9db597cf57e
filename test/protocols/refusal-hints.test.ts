/** What clients are told to do next when policy refuses an operation: to read the rule only where one is named. */
import { describe, expect, it } from 'vitest';
import { type Decision, NOTHING_FURTHER } from '../../src/contract/decision.js';
import type { Facts } from '../../src/contract/operation.js';
import { refuseOperation } from '../../src/protocols/postgres/refusal.js';
import { refusalLines } from '../../src/protocols/ssh/refusal.js';

const FACTS: Facts = { effects: [], unknown: [], summary: '', redacted: null };
const denial = (more: Partial<Decision>): Decision => ({
  ...NOTHING_FURTHER,
  effect: 'deny',
  rule: null,
  policy: `sha256:${'0'.repeat(64)}`,
  reasons: ['select: no rule allows it'],
  hint: null,
  ...more,
});

describe.each([
  ['postgres', (decision: Decision) => refuseOperation(decision, FACTS).toString()],
  ['ssh', refusalLines],
])('a refusal by %s', (_, told) => {
  it('because nothing allows it names no rule to read, says that an approval is no way, and what is', () => {
    const text = told(denial({}));
    expect(text).not.toContain('rule named');
    expect(text).toContain('No rule allows it, so an approval does not help: `gw policy explain` shows what the rules say of it');
    expect(text).toContain('ask whoever writes the policy');
    expect(text).toContain('(policy.operation_denied)');
  });

  it('by a rule says to read it', () => {
    const text = told(denial({ rule: 'bank/no-drops' }));
    expect(text).toContain('bank/no-drops');
    expect(text).toContain('Read the rule named in the detail');
  });

  it('by a rule with advice says that', () => {
    const text = told(denial({ rule: 'bank/no-drops', hint: 'Use the archive.' }));
    expect(text).toContain('Use the archive.');
    expect(text).not.toContain('Read the rule');
  });
});
