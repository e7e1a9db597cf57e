/**
 * What EXECUTE and FETCH really do: the effects of the statement that the session prepared or declared under that name. The engine keeps the
 * names; this adds the effects. A name that is not known makes the operation unknown: the attack is to prepare a DELETE where nobody looks
 * and to run it by its name. The same analysis with the same referenced facts gives the very same `Facts` object, because decisions are
 * cached by its identity.
 */
import type { Effect, Facts } from '../../../contract/operation.js';
import type { Analysis, StatementInfo } from './analysis.js';
import { noteUses, usesOf } from './name-uses.js';
import { summarise } from './summary.js';

export type NameKind = 'statement' | 'cursor';
export type Lookup = (kind: NameKind, name: string) => Facts | null;

/** Stands for "no such name" as a key. */
const NOT_KNOWN: Facts = { effects: [], unknown: [], summary: '', redacted: null };

/** One step of the path (facts of the first reference, of the second, …) under which a combination is remembered. */
interface Step {
  facts: Facts | null;
  readonly next: WeakMap<Facts, Step>;
}

const combined = new WeakMap<Analysis, Step>();

/**
 * The facts of `analysis` with those of the statements and cursors that it runs by name. Names made earlier in the same text count before
 * those that `lookup` knows. `analysis.facts` itself when nothing is run by name.
 */
export function withResolved(analysis: Analysis, lookup: Lookup): Facts {
  if (!runsByName(analysis)) return analysis.facts;
  const references = referencesOf(analysis.statements, lookup);
  let step: Step = stepTo(combined, analysis);
  for (const { facts } of references) step = stepTo(step.next, facts);
  step.facts ??= combine(analysis.facts, references);
  return step.facts;
}

function stepTo<Key extends object>(map: WeakMap<Key, Step>, key: Key): Step {
  let step = map.get(key);
  if (step === undefined) {
    step = { facts: null, next: new WeakMap() };
    map.set(key, step);
  }
  return step;
}

function runsByName(analysis: Analysis): boolean {
  for (const { kind } of analysis.statements) if (kind === 'execute' || kind === 'fetch') return true;
  return false;
}

interface Reference {
  readonly kind: NameKind;
  readonly name: string;
  readonly facts: Facts;
}

function referencesOf(statements: readonly StatementInfo[], lookup: Lookup): readonly Reference[] {
  const local = new LocalNames(lookup);
  const references: Reference[] = [];
  for (const statement of statements) {
    const { kind, name } = statement;
    if (kind === 'execute' || kind === 'fetch') {
      const of = kind === 'execute' ? 'statement' : 'cursor';
      references.push({ kind: of, name: name ?? '', facts: local.find(of, name ?? '') ?? NOT_KNOWN });
    } else {
      local.apply(statement);
    }
  }
  return references;
}

/** The session's names as they change in the course of one text. */
class LocalNames {
  readonly #lookup: Lookup;
  readonly #names = { statement: new Map<string, Facts | null>(), cursor: new Map<string, Facts | null>() };
  readonly #cleared = { statement: false, cursor: false };

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  find(kind: NameKind, name: string): Facts | null {
    const local = this.#names[kind].get(name);
    if (local !== undefined) return local;
    return this.#cleared[kind] ? null : this.#lookup(kind, name);
  }

  apply(statement: StatementInfo): void {
    switch (statement.kind) {
      case 'prepare':
        this.#names.statement.set(statement.name ?? '', statement.inner?.facts ?? null);
        break;
      case 'declare':
        this.#names.cursor.set(statement.name ?? '', statement.inner?.facts ?? null);
        break;
      case 'deallocate':
        this.#remove('statement', statement);
        break;
      case 'close':
        this.#remove('cursor', statement);
        break;
      case 'discard':
        if (statement.all) {
          this.#remove('statement', statement);
          this.#remove('cursor', statement);
        }
        break;
      default:
        break;
    }
  }

  #remove(kind: NameKind, statement: StatementInfo): void {
    if (statement.all) {
      this.#names[kind].clear();
      this.#cleared[kind] = true;
    } else {
      this.#names[kind].set(statement.name ?? '', null);
    }
  }
}

function combine(own: Facts, references: readonly Reference[]): Facts {
  const effects: Effect[] = [...own.effects];
  const unknown: string[] = [...own.unknown];
  const seen = new Set<Facts>();
  for (const { kind, name, facts } of references) {
    if (facts === NOT_KNOWN) {
      const reason = kind === 'statement' ? `no prepared statement "${name}" is known` : `no cursor "${name}" is known`;
      unknown.push(reason);
      effects.push({ action: 'unknown', resource: null, facts: { reason } });
    } else if (!seen.has(facts)) {
      seen.add(facts);
      effects.push(...facts.effects);
      unknown.push(...facts.unknown);
    }
  }
  const facts = Object.freeze({ effects, unknown, summary: summarise(effects), redacted: own.redacted });
  noteUses(facts, usesOf(own), ...[...seen].map(usesOf));
  return facts;
}
