/**
 * Attacks out of classes: every payload in every place where it can stand, each in a spelling and a wire form drawn by chance. The same seed
 * gives the same attacks, in the same order.
 */
import { analyseText } from '../../src/protocols/postgres/facts/index.js';
import type { AttackClass, Payload } from './attack-class.js';
import { Dice } from './dice.js';
import { AROUND_STATEMENT, AROUND_VALUE, AROUND_WRITE, type Nesting } from './nesting.js';
import { respell } from './spelling.js';

export type Form = 'simple' | 'cut' | 'extended' | 'named' | 'pipeline' | 'syncs' | 'startup' | 'fastpath';

export interface Step {
  readonly text: string;
  readonly form: Form;
  readonly values: readonly (string | null)[];
}

export interface Attack {
  readonly id: number;
  readonly class: AttackClass;
  readonly nesting: string;
  readonly payload: Payload;
  readonly steps: readonly Step[];
  /** Whether it can be shown on the bare server inside a transaction that is rolled back. */
  readonly revocable: boolean;
}

/** What the placeholders stand for in this run. */
export interface Placeholders {
  readonly dir: string;
  readonly victim: number;
}

const SIMPLE: readonly Form[] = ['simple', 'simple', 'cut'];
const BOUND: readonly Form[] = ['extended', 'named', 'pipeline', 'syncs'];

export function generateAttacks(classes: readonly AttackClass[], seed: number, rounds: number, places: Placeholders): Attack[] {
  const dice = new Dice(seed);
  const attacks: Attack[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const each of classes) {
      for (const payload of each.payloads) {
        for (const nesting of nestingsOf(payload)) attacks.push(attack(attacks.length, each, payload, nesting, dice, places));
      }
    }
  }
  return shuffled(attacks, dice);
}

function nestingsOf(payload: Payload): readonly Nesting[] {
  if (payload.only === 'alone') return AROUND_STATEMENT.slice(0, 1);
  if (payload.kind === 'expression') return AROUND_VALUE.filter((nesting) => nesting.unless?.test(payload.sql) !== true);
  if (payload.kind === 'statement') return AROUND_STATEMENT.filter((nesting) => nesting.noRows !== true || !payload.sql.startsWith('select'));
  const withTable = payload.sql.startsWith('with ');
  return AROUND_WRITE.filter((nesting) => !(nesting.inRule === true && (withTable || payload.only === 'plain-rules')));
}

function attack(id: number, of: AttackClass, payload: Payload, nesting: Nesting, dice: Dice, places: Placeholders): Attack {
  const fill = (text: string): string => text.replaceAll('@n@', String(id)).replaceAll('@dir@', places.dir).replaceAll('@victim@', String(places.victim));
  if (payload.beside !== undefined)
    return { id, class: of, nesting: payload.beside, payload, revocable: false, steps: [{ text: fill(payload.sql), form: payload.beside, values: [] }] };
  const values = payload.values ?? [];
  const inner = respell(fill(payload.sql), dice);
  const texts = nesting.texts(inner, dice).map((text) => respell(fill(text), dice));
  const plain = (text: string): Step => ({ text: fill(text), form: 'simple', values: [] });
  return {
    id,
    class: of,
    nesting: nesting.name,
    payload,
    revocable: of.irrevocable !== true && nesting.commits !== true,
    steps: [
      ...(payload.before ?? []).map(plain),
      ...texts.map((text): Step => ({ text, form: dice.pick(formsFor(text, values.length > 0)), values })),
      ...(payload.after ?? []).map(plain),
    ],
  };
}

/** A batch of statements can go by simple query only; the server takes no more than one in a Parse. */
function formsFor(text: string, bound: boolean): readonly Form[] {
  if (bound) return BOUND;
  return analyseText(text).statements.length === 1 ? [...SIMPLE, ...BOUND] : SIMPLE;
}

function shuffled(attacks: Attack[], dice: Dice): Attack[] {
  for (let i = attacks.length - 1; i > 0; i--) {
    const j = dice.below(i + 1);
    const [a, b] = [attacks[i], attacks[j]];
    if (a !== undefined && b !== undefined) [attacks[i], attacks[j]] = [b, a];
  }
  return attacks;
}
