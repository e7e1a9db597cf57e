/**
 * Operations: what an island says a client wants to do. An operation is a list of *effects*, one for each thing that would happen
 * (a relation read, a relation written, a function called, a setting changed), because a rule about deletes on the ledger must not
 * match a batch that reads the ledger and deletes from a scratch table. Policy decides each effect; the strictest decision wins.
 */
import type { ClearColumn } from './masking-policy.js';

export interface Resource {
  /** From the descriptor's vocabulary, e.g. `relation`, `function`, `setting`. */
  readonly type: string;
  /** Qualified name, outermost part first; a part that cannot be known before execution (an unqualified schema) is null. */
  readonly name: readonly (string | null)[];
  /** Columns or fields touched; null = not known, which policy must read as "all". */
  readonly columns: readonly string[] | null;
}

export type FactValue = string | number | boolean | readonly string[];

/**
 * What a decision on an operation is worth. `enforced`: what was decided is what happens. `parsed`: it was read out of a text that something else reads
 * again. `observed`: it was decided that it may begin; what is done in it is recorded and not decided on.
 */
export type Assurance = 'enforced' | 'parsed' | 'observed';

/** Weakest last. */
const ASSURANCES: readonly Assurance[] = ['enforced', 'parsed', 'observed'];

/**
 * The weakest of what its effects say of themselves in the fact `assurance`; what says nothing has that of its protocol. Facts may be those of a
 * record: a word that is not known is none. Null: nobody says anything.
 */
export function assuranceOf<T extends Assurance | null>({ effects }: Pick<Facts, 'effects'>, ofProtocol: T): Assurance | T {
  let weakest = -1;
  for (const { facts } of effects) {
    const own = ASSURANCES.indexOf(facts['assurance'] as Assurance);
    const at = own >= 0 || ofProtocol === null ? own : ASSURANCES.indexOf(ofProtocol);
    if (at > weakest) weakest = at;
  }
  return ASSURANCES[weakest] ?? ofProtocol;
}

export interface Effect {
  /** From the descriptor's vocabulary, e.g. `select`, `delete`, `copy_program`, `unknown`. */
  readonly action: string;
  readonly resource: Resource | null;
  /** Named facts of this effect that a policy can match, e.g. `{ where: 'none' }`. Vocabulary in the descriptor. */
  readonly facts: Readonly<Record<string, FactValue>>;
}

/**
 * Everything that a decision may depend on, apart from who and where. Immutable and shared: islands cache one `Facts` object for each
 * statement text or provably equal shape, and decisions are cached by the identity of this object.
 */
export interface Facts {
  readonly effects: readonly Effect[];
  /** What could not be known, in words; not empty ⇒ some effect has action `unknown`. */
  readonly unknown: readonly string[];
  /** The effect in words for people: "reads bank.customers", "deletes from ledger.entries without WHERE". */
  readonly summary: string;
  /** What to record instead of the exact text, because the text holds a secret (a password). Null: record the exact bytes. */
  readonly redacted: string | null;
}

export interface Operation {
  readonly facts: Facts;
  /** The exact bytes of the statement as they came. Valid only during `guard.check`; copy to keep. */
  readonly exact: Uint8Array;
  /** Bound parameters exactly as they came (protocol encoding), or null. Valid only during `guard.check`. */
  readonly parameters: Uint8Array | null;
  /**
   * Why the gateway itself cannot carry this, whatever policy says (a setting that it pins, a message it cannot judge). The guard records
   * it as refused by the gateway. Null: policy decides.
   */
  readonly forbidden: string | null;
  /** What forbids it. Left out: the wire. */
  readonly forbiddenBy?: 'wire' | 'masking';
  /**
   * Hidden columns that its result would show in clear, if people let it; each once, in a fixed order. What they let be shown is bound to exactly
   * these. Left out: none.
   */
  readonly clears?: readonly ClearColumn[] | undefined;
  /** Types of the parameters as the client declared them (protocol encoding), or null. Valid only during `guard.check`. */
  readonly parameterTypes: Uint8Array | null;
  /**
   * What the bytes alone do not say. `partial`: not all of them are here, so nobody can be shown what they approve. `contextual`: they name
   * something that this session defined (a prepared statement), so an approval is good for this one time and cannot be found again.
   */
  readonly reach: 'whole' | 'partial' | 'contextual';
  /**
   * Whether it changes rows. `counted`: the target's answer says how many, and the island undoes it when they are more than the decision's
   * limit. `uncounted`: nobody would know, so where rows are limited it is refused. Left out: it changes none.
   */
  readonly changes?: 'counted' | 'uncounted';
  /**
   * The `Verdict` of each operation whose result it reads on (cursors), which the guard knows again; its rows and bytes count together with theirs.
   * Left out: of none.
   */
  readonly continues?: readonly object[];
  /**
   * `whole`: its result is kept beyond the cap of a result, because only all of it tells what happened (a terminal). Left out: up to the cap.
   */
  readonly keeps?: 'whole';
  /** How the island labels the form of the request, e.g. `query`, `execute`, `fetch`. */
  readonly form: string;
}
