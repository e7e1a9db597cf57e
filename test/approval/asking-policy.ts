/** The policy of a test, with the demand for approval put in where the test says: so these tests do not hang on the language of policies. */
import type { ApprovalDemand, Decision, PolicySet } from '../../src/contract/decision.js';
import type { Facts } from '../../src/contract/operation.js';

export interface Asking {
  /** Demand for an operation; null: what the policy says. */
  operation?(facts: Facts): ApprovalDemand | null;
  connect?: ApprovalDemand | null;
  access?: ApprovalDemand | null;
}

export function askingPolicy(set: PolicySet, asking: Asking, digest = set.digest): PolicySet {
  const kept = new WeakMap<Facts, Decision>();
  const ask = (decision: Decision, demand: ApprovalDemand | null): Decision =>
    demand === null || (decision.effect === 'deny' && decision.rule !== null)
      ? { ...decision, policy: digest }
      : {
          ...decision,
          policy: digest,
          effect: 'require_approval',
          approval: demand,
          rule: demand.approvers[0]?.rule ?? null,
          reasons: ['somebody has to look at this'],
          tier: demand.tier,
        };
  return {
    digest,
    classes: set.classes,
    view: (identity, target) => {
      const view = set.view(identity, target);
      const connect = (account?: string | null) => ask(view.connect(account), asking.connect ?? null);
      return {
        policy: digest,
        readOnly: false,
        connect,
        accounts: () => view.accounts(),
        masking: () => null,
        asking: (decision) => decision,
        access: () => asking.access ?? asking.connect ?? null,
        decide: (facts) => {
          const known = kept.get(facts);
          if (known !== undefined) return known;
          const decision = ask(view.decide(facts), asking.operation?.(facts) ?? null);
          kept.set(facts, decision);
          return decision;
        },
      };
    },
  };
}
