/**
 * A candidate policy against what was recorded: each operation is decided again, by the facts of its record and at its time, and compared with
 * what was decided then. Pure; operations come from the journals. Records are untrusted.
 */
import type { Clock } from '../base/clock.js';
import type { DecisionEffect, RecordedDecision } from '../contract/decision.js';
import type { Identity } from '../contract/identity.js';
import type { Facts } from '../contract/operation.js';
import type { ChangedDecision, PolicySimulation } from '../contract/policy-types.js';
import type { SessionStart } from '../contract/recording.js';
import type { LoadedPolicy } from './policy-set.js';
import type { CompiledView } from './policy-view.js';
import type { TargetFields } from './selector.js';

const CHANGES_KEPT = 1_000;
const GROUPS_KEPT = 200;
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
  readonly #groups = new Map<string, { count: number; readonly before: string; readonly after: string; readonly example: ChangedDecision }>();
  readonly #changes: ChangedDecision[] = [];
  #sessions = 0;
  #operations = 0;
  #changed = 0;
  #skipped = 0;

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
    if (now.effect === decision.effect) return;
    this.#changed++;
    const [before, after] = [outcome(decision), outcome(now)];
    const key = `${before}\n${after}`;
    const group = this.#groups.get(key);
    const keep = this.#changes.length < CHANGES_KEPT;
    if (group !== undefined) group.count++;
    if (!keep && (group !== undefined || this.#groups.size >= GROUPS_KEPT)) return;
    const { session, target, identity } = replay.start;
    const change: ChangedDecision = {
      session,
      sequence: operation.sequence,
      at: new Date(operation.time).toISOString(),
      who: identity.name,
      target,
      text: operation.text().slice(0, TEXT_KEPT),
      before: { effect: decision.effect, rule: decision.rule },
      after: { effect: now.effect, rule: now.rule, reasons: now.reasons },
    };
    if (keep) this.#changes.push(change);
    if (group === undefined && this.#groups.size < GROUPS_KEPT) this.#groups.set(key, { count: 1, before, after, example: change });
  }

  report(since: number, milliseconds: number): PolicySimulation {
    return {
      policy: this.#policy.digest,
      since: new Date(since).toISOString(),
      sessions: this.#sessions,
      operations: this.#operations,
      changed: this.#changed,
      skipped: this.#skipped,
      milliseconds,
      groups: [...this.#groups.values()].sort((a, b) => b.count - a.count),
      changes: this.#changes,
      more: this.#changed > this.#changes.length,
    };
  }
}

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
