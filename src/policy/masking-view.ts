/**
 * How one identity sees the sensitive data of one target: tags and classes with the mask rules that apply. Of several rules the strictest
 * holds, and any of them takes the place of the class's own default. A rule that opens more than the class does needs to know who it is;
 * one that closes applies already where this may be who is meant. Pure; names under test are untrusted.
 */

import type { Identity } from '../contract/identity.js';
import type { Treatment } from '../contract/masking.js';
import { type ClassView, type ClearColumn, type ClearTerms, CONDITION_USES, type ConditionRight, type MaskingView } from '../contract/masking-policy.js';
import type { CompiledClass, CompiledMask, CompiledMasking, CompiledTag } from './compile-masking.js';
import { matchName, type NamePattern } from './name-pattern.js';
import type { TargetFields } from './selector.js';

const stricter = <T>(order: readonly T[], one: T, other: T): T => (order.indexOf(one) >= order.indexOf(other) ? one : other);

/** From the most open. */
export const STRICTNESS: readonly Treatment[] = ['clear', 'partial', 'generalise', 'token', 'mask', 'null'];

const NO_CLASSES: readonly ClassView[] = Object.freeze([]);

/** How a value of which nothing is known is named. */
const UNKNOWN_CLASS = 'unknown';

interface AppliedMask {
  readonly mask: CompiledMask;
  readonly certain: boolean;
  /** It counts only for what people approved, and nobody did. */
  readonly pending: boolean;
}

class View implements MaskingView {
  readonly classes: readonly ClassView[];
  readonly hides: boolean;
  readonly unknown: ClassView;
  readonly resolvesTokens: boolean;
  readonly opensDetected: boolean;
  readonly #masks: readonly AppliedMask[];
  readonly #tags: readonly CompiledTag[];
  readonly #classes: ReadonlyMap<string, CompiledClass>;
  readonly #defaultConditions: ConditionRight;
  /** By class alone: no applying rule asks for columns. */
  readonly #whole = new Map<string, ClassView>();
  readonly #byColumn: boolean;
  /** Rules that people were asked by and said yes to, by class and column. */
  readonly #cleared: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(masking: CompiledMasking, tags: readonly CompiledTag[], masks: readonly AppliedMask[], identity: Identity, clears: readonly ClearColumn[]) {
    this.#masks = masks;
    this.#tags = tags;
    this.#classes = masking.classes;
    this.#defaultConditions = identity.kind === 'agent' ? 'equality' : 'allow';
    this.resolvesTokens = masks.some(({ mask, certain, pending }) => certain && !pending && mask.resolveTokens);
    this.#cleared = new Map(clears.map((each) => [clearKey(each.class, each.column, each.detected === true), new Set(each.terms.rules)]));
    this.opensDetected = masks.some(({ mask }) => mask.detected);
    this.#byColumn = clears.length > 0 || masks.some(({ mask }) => mask.columns !== null);
    const tagged = new Set(tags.flatMap((tag) => tag.classes));
    const all = [...masking.classes.values()].filter(({ name, detect }) => detect || tagged.has(name));
    this.classes = all.map((each) => this.#viewOf(each, null));
    // Where rules ask for columns, a class may be hidden in one and shown in another.
    this.hides = this.#byColumn || this.classes.some((each) => each.treatment !== 'clear');
    const conditions = this.classes.reduce<ConditionRight>(
      (right, each) => (each.treatment === 'clear' ? right : stricter(CONDITION_USES, right, each.conditions)),
      'allow',
    );
    this.unknown = {
      class: UNKNOWN_CLASS,
      treatment: 'mask',
      rule: null,
      keepLength: false,
      showBin: false,
      conditions,
      detect: false,
      screen: false,
      output: false,
      resolvedBy: null,
      onApproval: null,
    };
  }

  columnClasses(name: readonly (string | null)[], column: string): readonly ClassView[] {
    const whole = [...name, column];
    const found = new Set<string>();
    for (const { classes, patterns } of this.#tags) if (means(patterns, whole) !== 'no') for (const each of classes) found.add(each);
    return [...found].flatMap((each) => {
      const known = this.#classes.get(each);
      return known === undefined ? [] : [this.#viewOf(known, this.#byColumn ? whole : null)];
    });
  }

  detectedClasses(name: readonly string[], column: string): readonly ClassView[] {
    if (!this.opensDetected) return NO_CLASSES;
    const whole = [...name, column];
    return this.classes.flatMap(({ class: each, detect, treatment }) => {
      const known = this.#classes.get(each);
      if (known === undefined || !detect || treatment === 'clear') return [];
      const how = this.#viewOf(known, whole, true);
      return how.onApproval !== null || (how.treatment === 'clear' && this.#cleared.has(clearKey(each, whole, true))) ? [how] : [];
    });
  }

  /**
   * `column`: the whole name of the column in hand; null: rules that ask for columns apply only where they close. `detected`: what detectors find in
   * it, which a rule for columns opens only where it says so.
   */
  #viewOf(known: CompiledClass, column: readonly (string | null)[] | null, detected = false): ClassView {
    if (column === null) {
      const kept = this.#whole.get(known.name);
      if (kept !== undefined) return kept;
    }
    let treatment: Treatment | null = null;
    let rule: string | null = null;
    let conditions: ConditionRight | null = null;
    let output: boolean | null = null;
    let resolvedBy: string | null = null;
    /** What would hold if people approved, as far as rules that wait for that say. */
    let later: Treatment | null = null;
    const waiting: CompiledMask[] = [];
    for (const { mask, certain, pending } of this.#masks) {
      if (mask.classes !== null && !mask.classes.has(known.name)) continue;
      const match = mask.columns === null ? 'is' : column === null ? 'may' : meansAny(mask.columns, column);
      if (match === 'no') continue;
      const sure = certain && match === 'is' && (!detected || mask.detected || mask.columns === null);
      if (pending) {
        if (detected && mask.approval !== null && !mask.detected) continue;
        if (mask.treatment === null || !(sure || closes(mask.treatment, known))) continue;
        later = later === null ? mask.treatment : stricter(STRICTNESS, mask.treatment, later);
        waiting.push(mask);
        continue;
      }
      if (mask.resolveTokens && sure) resolvedBy ??= mask.name;
      if (mask.treatment !== null && (sure || closes(mask.treatment, known))) {
        if (treatment === null || stricter(STRICTNESS, mask.treatment, treatment) !== treatment) [treatment, rule] = [mask.treatment, mask.name];
      }
      if (mask.output !== null && (sure || mask.output)) output = output === true || mask.output;
      if (mask.conditions !== null && (sure || stricter(CONDITION_USES, mask.conditions, this.#defaultConditions) === mask.conditions))
        conditions = conditions === null ? mask.conditions : stricter(CONDITION_USES, mask.conditions, conditions);
    }
    let onApproval: ClearTerms | null = null;
    // Where another rule applies or the class is open, nothing would change by asking.
    const asks = later === 'clear' && treatment === null && known.treatment !== 'clear';
    if (asks && (!detected || waiting.some((mask) => mask.detected))) {
      const yes = column === null ? undefined : this.#cleared.get(clearKey(known.name, column, detected));
      if (yes !== undefined && waiting.every(({ name }) => yes.has(name))) [treatment, rule] = ['clear', waiting[0]?.name ?? null];
      else onApproval = termsOf(waiting);
    }
    const view: ClassView = {
      class: known.name,
      treatment: treatment ?? known.treatment,
      rule,
      keepLength: known.keepLength,
      showBin: known.showBin,
      conditions: conditions ?? this.#defaultConditions,
      detect: known.detect,
      screen: known.screen,
      output: output ?? known.output,
      resolvedBy,
      onApproval,
    };
    if (column === null) this.#whole.set(known.name, view);
    return view;
  }
}

const closes = (treatment: Treatment, { treatment: usual }: CompiledClass): boolean => stricter(STRICTNESS, treatment, usual) === treatment;

/** A part of a name that is not known is no letter of any name. */
const clearKey = (dataClass: string, column: readonly (string | null)[], detected: boolean): string => JSON.stringify([dataClass, detected, ...column]);

function termsOf(masks: readonly CompiledMask[]): ClearTerms {
  const asking = masks.filter(({ approval }) => approval !== null);
  return {
    rules: masks.map(({ name }) => name),
    groups: [...new Set(asking.flatMap(({ approval }) => approval?.groups ?? []))],
    unapproved: asking.some(({ unapproved }) => unapproved === 'refused') ? 'refused' : 'masked',
  };
}

function means(patterns: ReadonlyMap<number, NamePattern>, name: readonly (string | null)[]): 'is' | 'may' | 'no' {
  const pattern = patterns.get(name.length);
  return pattern === undefined ? 'no' : matchName(pattern, name);
}

function meansAny(all: readonly ReadonlyMap<number, NamePattern>[], name: readonly (string | null)[]): 'is' | 'may' | 'no' {
  let result: 'is' | 'may' | 'no' = 'no';
  for (const patterns of all) {
    const match = means(patterns, name);
    if (match === 'is') return 'is';
    if (match === 'may') result = 'may';
  }
  return result;
}

/** What of a session mask rules may ask for. */
export interface MaskedSession {
  readonly withReason: boolean;
  readonly approved: boolean;
  /** Columns that people let be shown in clear. */
  readonly clears: readonly ClearColumn[];
}

/** Null: nothing is tagged or looked for on this target. */
export function createMaskingView(masking: CompiledMasking, identity: Identity, target: TargetFields, session: MaskedSession): MaskingView | null {
  const tags = masking.tags.filter(({ targets }) => targets === null || targets(target));
  const detects = [...masking.classes.values()].some(({ detect }) => detect);
  if (tags.length === 0 && !detects) return null;
  const masks: AppliedMask[] = [];
  for (const mask of masking.masks) {
    if (mask.needsReason && !session.withReason) continue;
    const pending = mask.approval !== null || (mask.needsApproval && !session.approved);
    if (mask.targets !== null && !mask.targets(target)) continue;
    const certain = mask.subjects === null || mask.subjects(identity, true);
    if (certain || mask.subjects?.(identity, false) === true) masks.push({ mask, certain, pending });
  }
  return new View(masking, tags, masks, identity, session.clears);
}
