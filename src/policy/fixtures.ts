/**
 * Tests of a policy, beside it: who, where, what → which decision, by which rule. Parsing and running; files are read elsewhere. A fixture is
 * strict like a policy: an unknown key is an error with its position, because an expectation that is silently ignored is a test that passes.
 */
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { TIERS } from '../contract/decision.js';
import type { Identity } from '../contract/identity.js';
import { TREATMENTS } from '../contract/masking.js';
import { CONDITION_USES } from '../contract/masking-policy.js';
import { locator, wordIssue } from './parse-file.js';
import { type Problem, policyInvalid } from './problem.js';
import type { TargetFields } from './selector.js';
import { suggestion } from './suggestion.js';

const text = z.string().min(1).max(10_000);
const list = <T extends z.ZodType>(item: T): z.ZodArray<T> => z.array(item).max(1000);

const identitySchema = z.strictObject({
  issuer: text.optional(),
  subject: text.optional(),
  kind: z.enum(['person', 'service', 'agent']).optional(),
  email: text.optional(),
  email_verified: z.boolean().optional(),
  groups: list(text).optional(),
  on_behalf_of: z.strictObject({ issuer: text.optional(), subject: text, verified: z.boolean().optional() }).optional(),
  claims: z.record(z.string(), z.unknown()).optional(),
});
const targetSchema = z.strictObject({
  protocol: text,
  labels: z.record(z.string(), z.string()).optional(),
  account: text.optional(),
});
const testSchema = z
  .strictObject({
    name: text.optional(),
    as: text,
    target: text,
    statement: z.string().max(1_000_000).optional(),
    connect: z.literal(true).optional(),
    account: text.optional(),
    column: text.optional(),
    detected: text.optional(),
    reason: text.optional(),
    approved: z.literal(true).optional(),
    at: z
      .string()
      .refine((value) => !Number.isNaN(Date.parse(value)), 'must be a time such as `2026-11-26T09:00:00Z`')
      .optional(),
    expect: z.enum(['allow', 'deny', 'require_approval']).optional(),
    shown: z.enum([...TREATMENTS, 'untagged']).optional(),
    by: text.optional(),
    keep_length: z.boolean().optional(),
    show_bin: z.boolean().optional(),
    conditions: z.enum(CONDITION_USES).optional(),
    resolves_tokens: z.boolean().optional(),
    tier: z.enum(TIERS).optional(),
    approvers: list(text).optional(),
    rows: z.number().int().optional(),
    warns: text.optional(),
  })
  .refine(
    (test) => [test.statement, test.connect, test.column].filter((each) => each !== undefined).length === 1,
    'needs one of `statement`, `connect: true` and `column`',
  )
  .refine((test) => test.account === undefined || test.connect !== undefined, 'has an `account`, which belongs to `connect: true`')
  .refine((test) => (test.column === undefined) === (test.shown === undefined), 'needs `shown` with `column`, and only there')
  .refine((test) => test.detected === undefined || test.column !== undefined, 'has `detected`, which belongs to `column`')
  .refine(
    (test) => test.column !== undefined || [test.keep_length, test.show_bin, test.conditions, test.resolves_tokens].every((each) => each === undefined),
    'has `keep_length`, `show_bin`, `conditions` or `resolves_tokens`, which belong to `column`',
  )
  .refine((test) => test.column !== undefined || test.expect !== undefined, 'needs `expect`');
const fixtureSchema = z.strictObject({
  version: z.literal(1),
  policy: z.array(text).min(1).max(100).optional(),
  targets: z.record(z.string(), targetSchema),
  identities: z.record(z.string(), identitySchema),
  tests: z.array(testSchema).min(1).max(10_000),
});

const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(fixtureSchema.shape),
  tests: Object.keys(testSchema.shape),
  identities: Object.keys(identitySchema.shape),
  targets: Object.keys(targetSchema.shape),
};

export interface PolicyTest {
  readonly name: string;
  readonly line: number;
  readonly identity: Identity;
  readonly target: TargetFields;
  /** Null: opening a session, or a column. */
  readonly statement: string | null;
  /** Account that the session is asked for as; null: none is named. */
  readonly account: string | null;
  /** Parts of the name of a column whose masking is asked for. */
  readonly column: readonly string[] | null;
  /** Class whose masking is asked for where detectors find it in that column, unless it carries a tag; null: none. */
  readonly detected: string | null;
  /** The session has a reason. */
  readonly reasoned: boolean;
  /** People approved it. */
  readonly approved: boolean;
  /** Milliseconds since the epoch; null: it does not matter when. */
  readonly at: number | null;
  readonly expect: Omit<
    z.infer<typeof testSchema>,
    'name' | 'as' | 'target' | 'statement' | 'connect' | 'account' | 'column' | 'detected' | 'reason' | 'approved' | 'at'
  >;
}

export interface Fixture {
  readonly path: string;
  /** Policy files, relative to the fixture; null: the file of the same name without `.test`. */
  readonly policy: readonly string[] | null;
  readonly tests: readonly PolicyTest[];
}

function identityOf(name: string, given: z.infer<typeof identitySchema>): Identity {
  const behalf = given.on_behalf_of;
  return {
    issuer: given.issuer ?? 'https://issuer.example',
    subject: given.subject ?? name,
    kind: given.kind ?? 'person',
    name,
    email: given.email ?? null,
    emailVerified: given.email_verified ?? given.email !== undefined,
    groups: given.groups ?? [],
    onBehalfOf: behalf === undefined ? null : { issuer: behalf.issuer ?? null, subject: behalf.subject, verified: behalf.verified ?? true },
    claims: given.claims ?? {},
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
}

/** @throws GwError `policy.invalid` with every problem and its position. */
export function parseFixture(path: string, source: string): Fixture {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, version: '1.2', uniqueKeys: true });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw policyInvalid([{ path, message: broken.message, line, column: col }]);
  }
  const data: unknown = document.toJS({ maxAliasCount: 100 });
  const locate = locator(document, lines);
  const problems: Problem[] = [];
  const parsed = fixtureSchema.safeParse(data);
  for (const issue of parsed.error?.issues ?? []) {
    const where = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    if (issue.code !== 'unrecognized_keys') problems.push({ path, message: wordIssue(issue, data, where), ...locate(where) });
    else
      for (const key of issue.keys)
        problems.push({ path, message: `unknown key \`${key}\`${suggestion(key, KEYS[String(where[0] ?? '')] ?? [])}`, ...locate([...where, key], 'key') });
  }
  const tests: PolicyTest[] = [];
  for (const [index, test] of (parsed.data?.tests ?? []).entries()) {
    const { name, as, target, statement, connect: _connect, account, column, detected, reason, approved, at, ...expected } = test;
    const identity = parsed.data?.identities[as];
    const place = parsed.data?.targets[target];
    const unknown = (key: 'as' | 'target', word: string, words: object): void =>
      void problems.push({
        path,
        message: `\`${key}\` names \`${word}\`, which is not there${suggestion(word, Object.keys(words))}`,
        ...locate(['tests', index, key]),
      });
    if (identity === undefined) unknown('as', as, parsed.data?.identities ?? {});
    if (place === undefined) unknown('target', target, parsed.data?.targets ?? {});
    if (identity === undefined || place === undefined) continue;
    tests.push({
      name: name ?? `${as} on ${target}: ${statement ?? column ?? (account === undefined ? 'connect' : `connect as ${account}`)}`,
      line: locate(['tests', index]).line,
      identity: identityOf(as, identity),
      target: { name: target, protocol: place.protocol, labels: place.labels ?? {}, ...(place.account === undefined ? {} : { account: place.account }) },
      statement: statement ?? null,
      account: account ?? null,
      column: column?.split('.') ?? null,
      detected: detected ?? null,
      reasoned: reason !== undefined,
      approved: approved === true,
      at: at === undefined ? null : Date.parse(at),
      expect: expected,
    });
  }
  if (problems.length > 0) throw policyInvalid(problems);
  return { path, policy: parsed.data?.policy ?? null, tests };
}
