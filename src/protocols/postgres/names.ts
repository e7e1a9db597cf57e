/**
 * What a prepared statement, portal or cursor name means *on the server* at the moment a message that uses it will run. A pipeline makes
 * that a question: a Parse that was sent may yet fail or be skipped, and then the name still means what it meant before. So a change of a
 * name is pending until the server's answer confirms or rejects it; a use in a later segment of the pipeline has to wait for the answer
 * (`unsettled`), one in the same segment need not: if the change fails there, the server skips the use too.
 */
import type { Facts } from '../../contract/operation.js';
import type { Verdict } from '../../contract/verdict.js';
import { BOUND_KEPT_LIMIT } from './codec/limits.js';
import type { Analysis } from './facts/index.js';
import type { ResultMasker } from './masking/result-masker.js';

/** Where the text of a statement is: the whole text it came in, which of its statements, and whether it is what that one keeps. */
export interface StatementSource {
  readonly analysis: Analysis;
  readonly text: Uint8Array;
  /** Null: all of them. */
  readonly index: number | null;
  readonly inner: boolean;
}

export interface Statement {
  readonly facts: Facts;
  readonly source: StatementSource;
  /** Exact text; the same object for each use, so that the record can refer to it. */
  readonly text: Uint8Array;
  /** Types of its parameters as the Parse declared them; null: prepared in SQL. */
  readonly types: Uint8Array | null;
  /** Name changes that running it causes (SQL-level PREPARE, DECLARE, DEALLOCATE …). */
  readonly effects: readonly NameEffect[];
  /** Facts depend on other names (SQL-level EXECUTE, FETCH) and are resolved at each use. */
  readonly resolve: (() => Facts | 'unsettled') | null;
  /** Of a FETCH: what opened the cursors that it reads from, as they are named at this moment. */
  readonly origins: (() => readonly Verdict[]) | null;
  /** The server's command tag counts all rows that it changes. */
  readonly counted: boolean;
}

/**
 * Whether running it by its name does what its own text says. A Parse takes any statement, and EXECUTE runs it: a DEALLOCATE, a DECLARE or another EXECUTE does
 * what it does to the names of that moment, so it is followed where it is run as itself alone.
 */
export function isFollowed({ source: { analysis, inner } }: Statement): boolean {
  return inner || (analysis.statements.length === 1 && analysis.statements[0]?.preparable === true);
}

export interface Portal {
  readonly statement: Statement;
  /** Of the run in progress; null for a cursor declared in SQL, whose every FETCH is an operation of its own. */
  verdict: Verdict | null;
  /** What `verdict` was given for. */
  facts: Facts;
  /** Of the operation that opened it: what is read from it, however it is fetched, counts together. */
  readonly origin: Verdict;
  /** Segment of the pipeline in which it was opened. */
  readonly segment: number;
  /** Of a Bind of which no Execute went up yet: its parameters; null: more of them than are kept. Undefined: it ran, or SQL declared it. */
  unrun: Uint8Array | null | undefined;
  /** What it ran by its name when it was bound; null: nothing. */
  readonly runs: object | string | null;
  /** The catalog that it was decided with. */
  readonly catalog: object | null;
  /** Code that was not seen had run in the session when it was decided. */
  readonly unseen: boolean;
  /** SQL names it in a FETCH or MOVE, which may have run it. */
  fetched: boolean;
  /** Of the run in progress. */
  masker?: ResultMasker | null;
  /** Segment of the last Execute of it that went up. */
  ranIn?: number;
  /** A Describe for it is on its way or answered. */
  described?: boolean;
  /** Body of the RowDescription that answered; masking reads rows by it. */
  description?: Buffer;
}

/** It did not run with its Bind: what it may be judged by then is kept. */
export function keepParameters(portal: Portal): void {
  if (portal.unrun != null) portal.unrun = portal.unrun.length > BOUND_KEPT_LIMIT ? null : Buffer.from(portal.unrun);
}

/** A change of the name space that a statement causes when it completes. */
export type NameEffect =
  | { readonly kind: 'prepare'; readonly name: string; readonly statement: Statement }
  | { readonly kind: 'declare'; readonly name: string; readonly statement: Statement }
  | { readonly kind: 'deallocate' | 'close'; readonly name: string | null };

interface Binding<T> {
  readonly value: T | null;
  readonly segment: number;
  state: 'pending' | 'confirmed' | 'rejected';
  previous: Binding<T> | null;
}

export interface NameChange {
  confirm(): void;
  reject(): void;
}

export class NameSpace<T> {
  readonly #bindings = new Map<string, Binding<T>>();

  get size(): number {
    return this.#bindings.size;
  }

  /** The value that `name` will have for a message of `segment`; null: no such name; `unsettled`: wait for answers first. */
  lookup(name: string, segment: number): T | null | 'unsettled' {
    let binding = this.#bindings.get(name) ?? null;
    while (binding !== null && binding.state === 'rejected') binding = binding.previous;
    if (binding === null) return null;
    if (binding.state === 'pending' && binding.segment !== segment) return 'unsettled';
    return binding.value;
  }

  /** `value` null: the name goes away. */
  change(name: string, value: T | null, segment: number): NameChange {
    const binding: Binding<T> = { value, segment, state: 'pending', previous: this.#bindings.get(name) ?? null };
    this.#bindings.set(name, binding);
    return {
      confirm: () => {
        binding.state = 'confirmed';
        binding.previous = null;
        if (value === null && this.#bindings.get(name) === binding) this.#bindings.delete(name);
      },
      reject: () => {
        binding.state = 'rejected';
        if (this.#bindings.get(name) !== binding) return;
        let live: Binding<T> | null = binding.previous;
        while (live !== null && live.state === 'rejected') live = live.previous;
        if (live === null) this.#bindings.delete(name);
        else this.#bindings.set(name, live);
      },
    };
  }

  names(): IterableIterator<string> {
    return this.#bindings.keys();
  }

  /** Values whose change is confirmed, by name. */
  *confirmed(): IterableIterator<[string, T]> {
    for (const [name, binding] of this.#bindings) if (binding.state === 'confirmed' && binding.value !== null) yield [name, binding.value];
  }

  forget(name: string): void {
    this.#bindings.delete(name);
  }
}
