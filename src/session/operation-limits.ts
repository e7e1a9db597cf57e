/**
 * What a decision's limits hold an operation to while it runs, by what really happens: rows and bytes as they come down, seconds as they
 * pass, operations as they are counted. An operation over its limit is ended before the bytes that are too many are delivered: by itself
 * where the protocol's engine can, otherwise with its session. Rows that a write changed are the row guard's matter, not known here.
 */
import type { Decision } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';
import type { Operation } from '../contract/operation.js';

/** What came down. */
export interface Amount {
  readonly rows: number;
  readonly bytes: number;
}

/** The refusal of the operation after the last one that a session may run; null: it may run. `before`: operations so far. */
export function refuseOneTooMany(decision: Decision, before: number): Decision | null {
  const limit = decision.limits?.statements ?? null;
  if (decision.effect === 'deny' || limit === null || before < limit) return null;
  return refuseInstead(decision, `this session has run the ${limit} operations that policy allows it`, 'Connect again.');
}

/** The refusal of a change whose rows nobody could count, where policy limits them; null: they can be counted, or are not limited. */
export function refuseUncounted(decision: Decision, operation: Operation): Decision | null {
  const limit = decision.limits?.rows ?? null;
  if (operation.changes !== 'uncounted' || decision.effect === 'deny' || limit === null) return null;
  return refuseInstead(
    decision,
    `the rows that this changes could not be counted before it is committed, and policy limits them to ${limit}`,
    'Send one INSERT, UPDATE, DELETE or MERGE at a time, as a statement of its own, without another one inside.',
  );
}

function refuseInstead(decision: Decision, reason: string, hint: string): Decision {
  return { ...decision, effect: 'deny', reasons: [reason, ...decision.reasons], hint, limits: null, approval: null };
}

/**
 * `released`: rows that people let through beyond the limit.
 * @throws GwError `policy.limit_exceeded`
 */
export function requireWithin(decision: Decision, rows: number, bytes: number, released: number): void {
  const { limits } = decision;
  if (limits === null) return;
  if (limits.rows !== null && rows > limits.rows && rows > released) throw exceeded(decision, `more than ${limits.rows} rows`);
  if (limits.bytes !== null && bytes > limits.bytes) throw exceeded(decision, `more than ${limits.bytes} bytes`);
}

/** The end of an operation that ran longer than it may; null: it may go on. */
export function overdue(decision: Decision, milliseconds: number): GwError | null {
  const seconds = decision.limits?.seconds ?? null;
  return seconds === null || milliseconds <= seconds * 1000 ? null : exceeded(decision, `more than ${seconds} s`);
}

function exceeded(decision: Decision, what: string): GwError {
  return new GwError('policy.limit_exceeded', `The operation took ${what}, which is the limit that policy sets for it.`, {
    detail: { rule: decision.rule, policy: decision.policy },
  });
}
