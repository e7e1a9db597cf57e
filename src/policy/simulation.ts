/**
 * A candidate policy against what was recorded: each operation is decided again, by the facts of its record and at its time, and each session that began,
 * as the account that it had; both are compared with what was decided then. Pure; records come from the journals, and are untrusted.
 */
import type { Clock } from '../base/clock.js';
import type { DecisionEffect, RecordedDecision } from '../contract/decision.js';
import type { Identity } from '../contract/identity.js';
import type { Facts } from '../contract/operation.js';
import type { ChangedConnection, ChangedDecision, PolicySimulation } from '../contract/policy-types.js';
import type { SessionStart } from '../contract/recording.js';
import { ChangeList } from './change-list.js';
import type { LoadedPolicy } from './policy-set.js';
import type { CompiledView } from './policy-view.js';
import type { TargetFields } from './selector.js';

const TEXT_KEPT = 2_000;

export interface ReplayedOperation {
  readonly sequence: number;
  readonly time: number;
  readonly facts: Facts | null;
  readonly decision: RecordedDecision | null;
  /** The recorded text; asked for only where something changed. */
  text(): string;
}

/** A session whose operations are replayed. */
interface Replay {
  readonly start: SessionStart;
  view: CompiledView | null;
}

/** The identity as far as a record has it. Claims are not recorded, nor whether the address was verified: it counts as verified. */
function recordedIdentity(start: SessionStart, groups: readonly string[] = start.identity.groups): Identity {
  const { issuer, subject, kind, name, email, onBehalfOf } = start.identity;
  return {
    issuer,
    subject,
    kind: kind as Identity['kind'],
    name,
    email,
    emailVerified: email !== null,
    groups,
    onBehalfOf,
    claims: {},
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
}

export class Simulation {
  readonly #policy: LoadedPolicy;
  readonly #targets: (name: string) => TargetFields | undefined;
  readonly #clock: { time: number };
  readonly #changes = new ChangeList<ChangedDecision>();
  readonly #connections = new ChangeList<ChangedConnection>();
  #sessions = 0;
  #operations = 0;
  #skipped = 0;
  #begun = 0;
  #withoutTarget = 0;

  /** `clock` is the one that the policy was loaded with. */
  constructor(policy: LoadedPolicy, clock: { time: number }, targets: (name: string) => TargetFields | undefined) {
    this.#policy = policy;
    this.#clock = clock;
    this.#targets = targets;
  }

  session(start: SessionStart): Replay {
    this.#sessions++;
    const target = this.#targets(start.target);
    return { start, view: target === undefined ? null : this.#policy.view(recordedIdentity(start), target) };
  }

  /** It began within the time that is looked at. */
  begun({ start, view }: Replay): void {
    this.#begun++;
    const target = this.#targets(start.target);
    if (view === null || target === undefined) {
      this.#withoutTarget++;
      return;
    }
    this.#clock.time = start.startedAt;
    const own = target.account ?? null;
    const account = start.account ?? own;
    const now = view.connect(account);
    const effect = policyEffect(start.decision);
    if (now.effect === effect) return;
    const { session, startedAt, identity } = start;
    const others = view.accounts();
    const possible = own !== null && view.connect(own).effect !== 'deny' ? [own, ...others] : others;
    const as = account === null || account === own ? '' : ` as ${account}`;
    this.#connections.add(`${outcome({ ...start.decision, effect })}${as}`, `${outcome(now)}${as}`, () => ({
      session,
      at: new Date(startedAt).toISOString(),
      who: identity.name,
      target: start.target,
      account: account === own ? null : account,
      before: { effect, rule: start.decision.rule },
      after: { effect: now.effect, rule: now.rule, reasons: now.reasons, accounts: possible },
    }));
  }

  /** The session was renewed with other groups. */
  renewed(replay: Replay, groups: readonly string[]): void {
    const target = this.#targets(replay.start.target);
    if (target !== undefined) replay.view = this.#policy.view(recordedIdentity(replay.start, groups), target);
  }

  operation(replay: Replay, operation: ReplayedOperation): void {
    const { facts, decision } = operation;
    // What the gateway itself refused no policy decides.
    if (decision?.rule?.startsWith('gateway/') === true) return;
    this.#operations++;
    if (replay.view === null || facts === null || decision === null) {
      this.#skipped++;
      return;
    }
    this.#clock.time = operation.time;
    const now = replay.view.decide(facts);
    const effect = policyEffect(decision);
    if (now.effect === effect) return;
    const { session, target, identity } = replay.start;
    this.#changes.add(outcome({ ...decision, effect }), outcome(now), () => ({
      session,
      sequence: operation.sequence,
      at: new Date(operation.time).toISOString(),
      who: identity.name,
      target,
      text: operation.text().slice(0, TEXT_KEPT),
      before: { effect, rule: decision.rule },
      after: { effect: now.effect, rule: now.rule, reasons: now.reasons },
    }));
  }

  report(since: number, milliseconds: number): PolicySimulation {
    return {
      policy: this.#policy.digest,
      since: new Date(since).toISOString(),
      sessions: this.#sessions,
      operations: this.#operations,
      skipped: this.#skipped,
      milliseconds,
      ...this.#changes.report(),
      connections: { sessions: this.#begun, skipped: this.#withoutTarget, ...this.#connections.report() },
    };
  }
}

/** What policy said: what people let be, or did not, is recorded so, with what was asked of them. */
const policyEffect = ({ effect, approval }: RecordedDecision): DecisionEffect => (approval == null ? effect : 'require_approval');

const outcome = ({ effect, rule }: { readonly effect: DecisionEffect; readonly rule: string | null }): string => `${effect} by ${rule ?? 'default'}`;

/** The clock for a policy that is to be simulated. */
export function replayClock(): Clock & { time: number } {
  return {
    time: 0,
    now() {
      return this.time;
    },
    monotonic: () => 0,
  };
}
