/** Runs the tests of a fixture against a policy, and compares two policies by them. Pure but for the reading of statements, which is handed in. */
import type { Clock } from '../base/clock.js';
import type { Decision } from '../contract/decision.js';
import type { Treatment } from '../contract/masking.js';
import type { ClassView, ClearColumn } from '../contract/masking-policy.js';
import type { Facts } from '../contract/operation.js';
import type { Fixture, PolicyTest } from './fixtures.js';
import { STRICTNESS } from './masking-view.js';
import type { LoadedPolicy } from './policy-set.js';

/** A clock that stands where a test wants it. */
export class TestClock implements Clock {
  #now = Date.UTC(2026, 0, 5, 12);

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return 0;
  }

  set(at: number | null): void {
    this.#now = at ?? Date.UTC(2026, 0, 5, 12);
  }
}

/** Facts of a statement for a protocol. */
export type ReadStatement = (protocol: string, statement: string) => Promise<Facts>;

export interface TestResult {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly passed: boolean;
  readonly decision: Decision;
  /** How a column is shown, where that was asked for. */
  readonly shown: Treatment | 'untagged' | null;
  /** What differs from what was expected. */
  readonly differs: readonly string[];
}

/** The decision that a test asks for. `clock` is the one that the policy was loaded with. */
export async function decideTest(test: PolicyTest, policy: LoadedPolicy, clock: TestClock, read: ReadStatement): Promise<Decision> {
  clock.set(test.at);
  const facts = test.statement === null ? null : await read(test.target.protocol, test.statement);
  const view = policy.view(test.identity, test.target);
  return facts === null ? view.connect(test.account) : view.decide(facts);
}

interface Shown {
  readonly shown: Treatment | 'untagged';
  readonly rule: string | null;
  /** As which class it is shown; null: it carries none. */
  readonly how: ClassView | null;
  /** Who may let a statement show it in clear. */
  readonly approvers: readonly string[];
}

/** The strictest treatment of the classes that a column carries; without any, that of the class which is found in it, where one was asked about. */
function shownBy(test: PolicyTest, policy: LoadedPolicy): Shown | null {
  const { column, detected } = test;
  if (column === null) return null;
  const view = policy.view(test.identity, test.target);
  const [relation, last] = [column.slice(0, -1), column.at(-1) ?? ''];
  const tagged = (view.masking(test.reasoned, false)?.columnClasses(relation, last) ?? []).length > 0;
  const classesOf = (approved: boolean, clears: readonly ClearColumn[]): readonly ClassView[] => {
    const masking = view.masking(test.reasoned, approved, clears);
    if (masking === null || tagged || detected === null) return masking?.columnClasses(relation, last) ?? [];
    const usual = masking.classes.flatMap((how) => (how.detect ? [{ ...how, onApproval: null }] : []));
    const found = [...masking.detectedClasses(relation, last), ...usual].find(({ class: name }) => name === detected);
    return found === undefined ? [] : [found];
  };
  const asked = classesOf(false, []);
  const clears = asked.flatMap(({ class: name, onApproval: terms }): ClearColumn[] =>
    terms === null ? [] : [{ column, class: name, terms, ...(tagged ? {} : { detected: true }) }],
  );
  const classes = test.approved ? classesOf(true, clears) : asked;
  const approvers = [...new Set(clears.flatMap(({ terms }) => terms.groups))];
  const [strictest] = classes.toSorted((one, other) => STRICTNESS.indexOf(other.treatment) - STRICTNESS.indexOf(one.treatment));
  return strictest === undefined
    ? { shown: 'untagged', rule: null, how: null, approvers }
    : { shown: strictest.treatment, rule: strictest.rule, how: strictest, approvers };
}

function differences(test: PolicyTest, decision: Decision, seen: ReturnType<typeof shownBy>): string[] {
  const { expect } = test;
  const found: string[] = [];
  const compare = (what: string, wanted: unknown, got: unknown): void => {
    if (wanted !== undefined && JSON.stringify(wanted) !== JSON.stringify(got)) found.push(`${what} is ${String(got)}, expected ${String(wanted)}`);
  };
  compare('the decision', expect.expect, decision.effect);
  compare('what is shown', expect.shown, seen?.shown ?? null);
  compare('the rule', expect.by, (seen === null ? decision.rule : seen.rule) ?? 'default');
  const how = seen?.how ?? null;
  compare('keep_length', expect.keep_length, how?.keepLength ?? false);
  compare('show_bin', expect.show_bin, how?.showBin ?? false);
  compare('what it may decide', expect.conditions, how?.conditions ?? 'allow');
  compare('whether its tokens are resolved', expect.resolves_tokens, how !== null && how.resolvedBy !== null);
  compare('the tier', expect.tier, decision.tier);
  const groups = seen === null ? (decision.approval?.groups ?? []) : seen.approvers;
  compare('the groups that approve', expect.approvers?.toSorted().join(', '), groups.toSorted().join(', ') || 'nobody');
  compare('the limit of rows', expect.rows, decision.limits?.rows ?? null);
  const { warns } = expect;
  if (warns !== undefined && !decision.warnings.some((warning) => warning.includes(warns))) found.push(`nothing warns "${warns}"`);
  return found;
}

export async function runFixture(fixture: Fixture, policy: LoadedPolicy, clock: TestClock, read: ReadStatement): Promise<TestResult[]> {
  const results: TestResult[] = [];
  for (const test of fixture.tests) {
    const decision = await decideTest(test, policy, clock, read);
    const seen = shownBy(test, policy);
    const differs = differences(test, decision, seen);
    results.push({ file: fixture.path, line: test.line, name: test.name, passed: differs.length === 0, decision, shown: seen?.shown ?? null, differs });
  }
  return results;
}

/** One rule, default or tier of a policy by its name, as canonical data. */
function partsOf(policy: LoadedPolicy): Map<string, string> {
  const parts = new Map<string, string>();
  const { files } = JSON.parse(policy.canonical) as {
    readonly files: readonly {
      readonly stem: string;
      readonly policy: {
        readonly rules?: readonly { readonly id: string }[];
        readonly defaults?: unknown;
        readonly tiers?: Readonly<Record<string, unknown>>;
        readonly classes?: Readonly<Record<string, unknown>>;
        readonly data?: Readonly<Record<string, unknown>>;
        readonly masks?: readonly { readonly id: string }[];
      };
    }[];
  };
  for (const { stem, policy: file } of files) {
    for (const rule of file.rules ?? []) parts.set(`${stem}/${rule.id}`, JSON.stringify(rule));
    if (file.defaults !== undefined) parts.set(`${stem} (defaults)`, JSON.stringify(file.defaults));
    for (const mask of file.masks ?? []) parts.set(`${stem}/${mask.id}`, JSON.stringify(mask));
    for (const [name, entry] of Object.entries(file.classes ?? {})) parts.set(`${stem} (class ${name})`, JSON.stringify(entry));
    for (const [column, entry] of Object.entries(file.data ?? {})) parts.set(`${stem} (data ${column})`, JSON.stringify(entry));
    for (const [tier, terms] of Object.entries(file.tiers ?? {})) parts.set(`${stem} (tier ${tier})`, JSON.stringify(terms));
  }
  return parts;
}

export interface PolicyDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly { readonly name: string; readonly keys: readonly string[] }[];
}

function changedKeys(before: string, after: string): string[] {
  const [a, b] = [JSON.parse(before) as Record<string, unknown>, JSON.parse(after) as Record<string, unknown>];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key])).sort();
}

/** What differs in meaning: layout, comments and the order of rules do not. */
export function comparePolicies(before: LoadedPolicy, after: LoadedPolicy): PolicyDifference {
  const [old, fresh] = [partsOf(before), partsOf(after)];
  return {
    added: [...fresh.keys()].filter((name) => !old.has(name)).sort(),
    removed: [...old.keys()].filter((name) => !fresh.has(name)).sort(),
    changed: [...fresh].flatMap(([name, part]) => {
      const was = old.get(name);
      return was === undefined || was === part ? [] : [{ name, keys: changedKeys(was, part) }];
    }),
  };
}
