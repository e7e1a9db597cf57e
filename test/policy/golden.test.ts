/** Decisions and error texts, as files: policy and question in, decision or error out. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Decision } from '../../src/contract/decision.js';
import { GwError } from '../../src/contract/gw-error.js';
import type { Identity } from '../../src/contract/identity.js';
import type { Effect } from '../../src/contract/operation.js';
import { type LoadedPolicy, loadPolicy, type PolicyText } from '../../src/policy/index.js';
import { bankDb, effect, identity, protocols } from './fixture-protocols.js';
import { goldenFiles, readSections, type Section, writeSections } from './golden.js';

interface Question {
  readonly identity?: Partial<Identity>;
  readonly target?: Partial<typeof bankDb>;
  readonly effects?: readonly (Partial<Effect> & {
    readonly relation?: string;
    readonly columns?: readonly string[];
    readonly name?: readonly (string | null)[];
    readonly type?: string;
  })[];
  readonly unknown?: readonly string[];
  readonly at?: string;
}

/** A Monday, noon in London. A question may name another moment. */
const NOON = '2026-11-16T12:00:00Z';
let now = Date.parse(NOON);
const clock = { now: () => now, monotonic: () => 0 };

/** What a decision says beyond its effect, in one line each. */
function further(decision: Decision): string[] {
  const { warnings, tier, limits, approval } = decision;
  return [
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(tier === null ? [] : [`tier: ${tier}`]),
    ...(limits === null ? [] : [`limits: ${JSON.stringify(limits)}`]),
    ...(approval === null ? [] : [`approval: ${JSON.stringify(approval)}`]),
  ];
}

function ask(policy: LoadedPolicy, text: string): string {
  const question = (parse(text) ?? {}) as Question;
  now = Date.parse(question.at ?? NOON);
  const view = policy.view(identity(question.identity), { ...bankDb, ...question.target });
  const effects = question.effects?.map((each) => {
    const made = effect(each.action ?? '', each.relation ?? null, each.facts ?? {}, each.columns ?? null);
    return each.type === undefined ? made : { ...made, resource: { type: each.type, name: each.name ?? [], columns: each.columns ?? null } };
  });
  const decision = effects === undefined ? view.connect() : view.decide({ effects, unknown: question.unknown ?? [], summary: '', redacted: null });
  expect(decision.policy).toBe(policy.digest);
  return [
    `${decision.effect} by ${decision.rule ?? 'default'}`,
    ...decision.reasons.map((reason) => `- ${reason}`),
    ...(decision.hint === null ? [] : [`hint: ${decision.hint}`]),
    ...further(decision),
    '',
  ].join('\n');
}

function run(sections: readonly Section[]): Section[] {
  const files: PolicyText[] = sections.filter((section) => section.word === 'policy').map((section) => ({ path: section.name, text: section.body }));
  const made: Section[] = [];
  let policy: LoadedPolicy | null = null;
  let failure: string | null = null;
  try {
    policy = loadPolicy(files, protocols, { clock });
  } catch (error) {
    if (!(error instanceof GwError) || error.code !== 'policy.invalid') throw error;
    failure = `${error.message}\n`;
  }
  for (const section of sections) {
    if (section.word === 'policy') made.push(section);
    if (section.word === 'ask') {
      made.push(section, { word: 'decision', name: '', body: policy === null ? 'the policy was not loaded\n' : ask(policy, section.body) });
    }
  }
  if (failure !== null) made.push({ word: 'error', name: '', body: failure });
  return made;
}

test.each(goldenFiles())('golden %s', (name) => {
  const sections = readSections(name);
  const made = run(sections);
  if (process.env['GOLDEN_UPDATE'] === '1') writeSections(name, made);
  else expect(made).toEqual(sections);
  expect(made.some((section) => section.word === 'decision' || section.word === 'error')).toBe(true);
});
