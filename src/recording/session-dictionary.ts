/**
 * Facts, decisions, forms and ways of masking of one session by number: each is written once and referred to afterwards. Found by object identity, so the
 * usual operation costs three Map look-ups at most. Bounded: when full the dictionary is forgotten and numbering begins again at 0, which a
 * reader sees by the definition with number 0.
 */
import type { Decision, RecordedDecision } from '../contract/decision.js';
import type { MaskedAs } from '../contract/masking-policy.js';
import type { Facts } from '../contract/operation.js';
import { DEFINE, DEFINITION_BYTES, DEFINITIONS, encodeJson } from './format.js';

/** Writes a `define` entry. */
export type WriteDefinition = (number: number, type: number, bytes: Buffer) => void;

interface OperationNumbers {
  facts: number;
  decision: number;
  form: number;
}

export class SessionDictionary {
  readonly #numbers = new Map<object | string, number>();
  readonly #write: WriteDefinition;
  #bytes = 0;
  /** The three of the operation before and their numbers: a client that works says the same again and again. */
  #facts: Facts | null = null;
  #decision: Decision | null = null;
  #form = '';
  readonly #three: OperationNumbers = { facts: -1, decision: -1, form: -1 };

  constructor(write: WriteDefinition) {
    this.#write = write;
  }

  /** The number of a value already defined, or -1. */
  find(value: Facts | Decision | MaskedAs | string): number {
    return this.#numbers.get(value) ?? -1;
  }

  /** The numbers of an operation's three, defined where they are not yet. Valid until the next call. */
  numbers(facts: Facts, decision: Decision, form: string): OperationNumbers {
    const three = this.#three;
    if (facts === this.#facts && decision === this.#decision && form === this.#form) return three;
    if (this.find(facts) < 0 || this.find(decision) < 0 || this.find(form) < 0) this.#defineThree(facts, decision, form);
    three.facts = this.find(facts);
    three.decision = this.find(decision);
    three.form = this.find(form);
    this.#facts = facts;
    this.#decision = decision;
    this.#form = form;
    return three;
  }

  #defineThree(facts: Facts, decision: Decision, form: string): void {
    this.#define([
      [facts, DEFINE.facts, encodeJson(facts, 'The description of the operation')],
      [decision, DEFINE.decision, encodeJson(recorded(decision), 'The decision')],
      [form, DEFINE.form, encodeJson(form, 'The form of the operation')],
    ]);
  }

  /** The same for ways of masking, at most 64. */
  defineMasked(ways: Iterable<MaskedAs>): void {
    this.#define(
      Array.from(ways, (way) => {
        const { class: name, treatment, rule } = way;
        return [way, DEFINE.masked, encodeJson({ class: name, treatment, rule }, 'The way of masking')];
      }),
    );
  }

  #define(encoded: readonly (readonly [value: object | string, type: number, json: Buffer])[]): void {
    const bytes = encoded.reduce((sum, [, , json]) => sum + json.length, 0);
    if (this.#numbers.size + encoded.length > DEFINITIONS || this.#bytes + bytes > DEFINITION_BYTES) {
      this.#numbers.clear();
      this.#bytes = 0;
      this.#facts = null;
    }
    for (const [value, type, json] of encoded) {
      if (this.#numbers.has(value)) continue;
      const number = this.#numbers.size;
      this.#write(number, type, json);
      this.#numbers.set(value, number);
      this.#bytes += json.length;
    }
  }
}

/** Without the parts that say nothing: an ordinary decision is written as the first versions wrote it. */
function recorded(decision: Decision): RecordedDecision {
  const { effect, rule, policy, reasons, hint, warnings, limits, approval, tier } = decision;
  return {
    effect,
    rule,
    policy,
    reasons,
    hint,
    ...(warnings.length === 0 ? {} : { warnings }),
    ...(limits === null ? {} : { limits }),
    ...(approval === null ? {} : { approval }),
    ...(tier === null ? {} : { tier }),
  };
}
