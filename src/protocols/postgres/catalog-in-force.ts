/**
 * The catalog as far as it holds for the next statement of a session. A snapshot knows nothing of what the session itself changed a moment ago,
 * and nothing at all of what it has not committed. So after a statement that may have changed what names mean, a question waits for a look
 * at the target that began after its answer; while the change is in the same pipeline or in an open transaction, there is no catalog.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Effect, Facts } from '../../contract/operation.js';
import type { EngineContext } from '../../contract/protocol.js';
import type { Catalog } from './catalog/catalog.js';
import { asWritten } from './facts/index.js';

const IDLE = 0x49;

/** Where the pipeline stands (`Conversation`). */
export interface Standing {
  readonly context: EngineContext;
  readonly segment: number;
  /** Counting answers would not do: a Query that the server skips after an error has none. */
  readonly flight: { readonly unready: boolean };
  readonly block: number;
  readonly over: boolean;
}

const DEFINES: ReadonlySet<string> = new Set(['create', 'alter', 'drop', 'rename']);
/** Objects on which the meaning of a function, an operator, a cast or a type rests. */
const CODE: ReadonlySet<unknown> = new Set(
  'function procedure aggregate routine operator opclass opfamily cast schema type domain domconstraint attribute extension language owned unknown'.split(' '),
);
const code = ({ action, resource, facts }: Effect): boolean => {
  switch (action) {
    case 'unknown':
    case 'do':
    case 'procedure':
    case 'extension':
    case 'role':
      return true;
    case 'call':
      return (facts['class'] === 'user' && facts['trusted'] !== true) || facts['class'] === 'dynamic_sql';
    default:
      return DEFINES.has(action) && (CODE.has(facts['object']) || resource?.type === 'function' || resource?.type === 'type');
  }
};

/** By identity of the facts, which are shared and never change. */
const known = new WeakMap<Facts, boolean>();

/** Whether a statement with these facts may change what functions, operators, casts and types mean. */
export function changesCode(facts: Facts): boolean {
  let found = known.get(facts);
  if (found === undefined) {
    found = facts.effects.some(code);
    known.set(facts, found);
  }
  return found;
}

export class CatalogInForce {
  readonly #at: Standing;
  /** Segment of the last statement that may have changed something; 0: what the snapshot says holds. */
  #code = 0;
  #looking = false;
  /** Called when a look came to its end. */
  settled: () => void = () => undefined;

  constructor(at: Standing) {
    this.#at = at;
  }

  /** A statement with these facts goes up. */
  sent(facts: Facts): void {
    if (changesCode(asWritten(facts))) this.#code = this.#at.segment;
  }

  /** Something came from the server. What changed is looked at without waiting for a question: other sessions share the snapshot. */
  heard(): void {
    if (this.#code === 0) return;
    const { context, segment, flight, block } = this.#at;
    if (this.#code < segment && block === IDLE && context.catalog() !== null && !flight.unready) this.#look();
  }

  /** For what functions, operators, casts and types mean. `wait`: `settled` will be called. */
  forCode(): Catalog | null | 'wait' {
    const changed = this.#code;
    const { context, segment, flight, block } = this.#at;
    if (changed === 0) return context.catalog() as Catalog | null;
    if (changed === segment || context.catalog() === null) return null;
    // Answers are on their way; they are waited for by whoever asked.
    if (flight.unready) return 'wait';
    if (block !== IDLE) return null;
    this.#look();
    return 'wait';
  }

  #look(): void {
    if (this.#looking) return;
    this.#looking = true;
    const changed = this.#code;
    this.#at.context
      .recheckCatalog()
      .then(() => {
        this.#looking = false;
        if (this.#code === changed) this.#code = 0;
        if (!this.#at.over) this.settled();
      })
      .catch((error: unknown) => this.#at.context.end('protocol', GwError.from(error)));
  }
}
