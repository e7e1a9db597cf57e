/**
 * Who and where: matchers for the `subjects` and `targets` of a rule, evaluated once for each view. Lists are any-of, keys are all-of.
 * Claims and e-mail addresses come from verified tokens but are written by their owners: the comparison is exact, and an address that
 * the issuer did not verify is never enough for an allow rule (it is for a deny rule).
 */
import { type Identity, subjectKey } from '../contract/identity.js';
import type { Target } from '../contract/target.js';
import { compileGlob } from './glob.js';
import type { SubjectsText, TargetsText } from './schema.js';

export type TargetFields = Pick<Target, 'name' | 'protocol' | 'labels'> & {
  /** The account of the configuration. Left out: it is not known. */
  readonly account?: string;
  /** `own`: sessions are opened as that account only. */
  readonly accounts?: 'own' | 'named';
};
/** `certain`: only what is proved counts (allow rules). Otherwise what may be true counts as well (deny rules). */
export type SubjectMatcher = (identity: Identity, certain: boolean) => boolean;
export type TargetMatcher = (target: TargetFields) => boolean;

/** Lower case for ASCII letters only: the full mapping would make, say, the Kelvin sign a `k`. */
function foldAscii(value: string): string {
  return value.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** A list, where one value may stand for a list of one. */
export const asList = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? (value as readonly T[]) : [value as T]);

/** Keys on the way to a claim: the name as it is, or the steps of a JSON pointer (RFC 6901). */
export function claimPath(key: string): readonly string[] {
  if (!key.startsWith('/')) return [key];
  return key
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The claim at a path, own properties only; undefined when there is none. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** Scalars are compared as text, so that `123` and `"123"` are one value whichever way issuer and author write it. */
function claimMatches(value: unknown, wanted: ReadonlySet<string>): boolean {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.some((each) => (typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean') && wanted.has(String(each)));
}

/** Null when everyone matches. */
export function compileSubjects(subjects: SubjectsText | undefined): SubjectMatcher | null {
  if (subjects === undefined) return null;
  const tests: SubjectMatcher[] = [];
  if (subjects.groups !== undefined) {
    const groups = new Set(subjects.groups);
    tests.push((identity) => identity.groups.some((group) => groups.has(group)));
  }
  if (subjects.kinds !== undefined) {
    const kinds = new Set(subjects.kinds);
    tests.push((identity) => kinds.has(identity.kind));
  }
  if (subjects.issuers !== undefined) {
    const issuers = new Set(subjects.issuers);
    tests.push((identity) => issuers.has(identity.issuer));
  }
  if (subjects.ids !== undefined) {
    const ids = new Set(subjects.ids);
    const bare = subjects.issuers !== undefined;
    tests.push((identity) => ids.has(subjectKey(identity)) || (bare && ids.has(identity.subject)));
  }
  if (subjects.emails !== undefined) {
    const emails = new Set(subjects.emails.map(foldAscii));
    tests.push((identity, certain) => identity.email !== null && (identity.emailVerified || !certain) && emails.has(foldAscii(identity.email)));
  }
  for (const [key, value] of Object.entries(subjects.claims ?? {})) {
    const path = claimPath(key);
    const wanted = new Set(asList(value).map(String));
    tests.push((identity) => claimMatches(claimAt(identity.claims, path), wanted));
  }
  return (identity, certain) => tests.every((test) => test(identity, certain));
}

/** Null when every target matches. */
export function compileTargets(targets: TargetsText | undefined): TargetMatcher | null {
  if (targets === undefined) return null;
  const tests: TargetMatcher[] = [];
  if (targets.names !== undefined) {
    const names = targets.names.map(compileGlob);
    tests.push((target) => names.some((name) => name.test(target.name)));
  }
  for (const [key, value] of Object.entries(targets.labels ?? {})) {
    const wanted = new Set(asList(value));
    tests.push((target) => Object.hasOwn(target.labels, key) && wanted.has(target.labels[key] ?? ''));
  }
  if (targets.protocols !== undefined) {
    const protocols = new Set(targets.protocols);
    tests.push((target) => protocols.has(target.protocol));
  }
  return (target) => tests.every((test) => test(target));
}
