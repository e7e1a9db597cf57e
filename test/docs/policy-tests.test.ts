/**
 * Blocks ```yaml tests run: against the ```yaml policy block above them (as the file `example.yaml`), or, where they name files under
 * `policy`, against those of policies/. Targets and people that a cookbook needs again and again come from here when they are left out.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Facts } from '../../src/contract/operation.js';
import { loadPolicy, type parseFixture as Parse, parseFixture, runFixture, TestClock, type TestResult } from '../../src/policy/index.js';
import { protocols } from '../../src/protocols/index.js';
import { type Block, blocksOf, documents, ROOT } from './markdown-blocks.js';

const descriptors = protocols.map(({ descriptor }) => descriptor);
const WORLD = {
  version: 1,
  targets: {
    'bank-db': { protocol: 'postgres', labels: { env: 'prod' } },
    'dev-db': { protocol: 'postgres', labels: { env: 'dev' } },
  },
  identities: {
    alice: { groups: ['engineers'], email: 'alice@bank.example' },
    ann: { groups: ['analysts'] },
    dora: { groups: ['dba'] },
    oncall: { groups: ['engineers', 'on-call'] },
    robot: { kind: 'agent', groups: ['agents'], on_behalf_of: { subject: 'alice' } },
    pipeline: { kind: 'service', issuer: 'https://token.actions.githubusercontent.com', groups: [], claims: { repository_id: '42', ref: 'refs/heads/main' } },
    nobody: {},
  },
};

interface Example {
  readonly at: string;
  readonly policy: string | null;
  readonly tests: string;
}

const examples: readonly Example[] = documents().flatMap((path) => {
  let above: Block | null = null;
  return blocksOf(path).flatMap((block) => {
    if (block.language !== 'yaml') return [];
    if (block.mark === 'policy') above = block;
    return block.mark === 'tests' ? [{ at: block.at, policy: above?.text ?? null, tests: block.text }] : [];
  });
});

/** A list is taken as rules or tests; other parts get a version. */
const whole = (text: string, key: string): Record<string, unknown> => {
  const shown = parse(text) as Record<string, unknown> | readonly unknown[];
  return Array.isArray(shown) ? { version: 1, [key]: shown } : { version: 1, ...(shown as Record<string, unknown>) };
};

const read = async (_protocol: string, statement: string): Promise<Facts> => {
  const facts = await descriptors[0]?.factsOf?.(statement);
  if (facts === undefined) throw new Error('no facts');
  return facts;
};

async function run({ policy, tests }: Pick<Example, 'policy' | 'tests'>): Promise<readonly TestResult[]> {
  const fixture: ReturnType<typeof Parse> = parseFixture('example.test.yaml', stringify({ ...WORLD, ...whole(tests, 'tests') }));
  const shipped = (fixture.policy ?? []).map((path) => ({ path, text: readFileSync(join(ROOT, 'policies', path), 'utf8') }));
  const own = policy === null || fixture.policy !== null ? [] : [{ path: 'example.yaml', text: stringify(whole(policy, 'rules')) }];
  const clock = new TestClock();
  return runFixture(fixture, loadPolicy([...own, ...shipped], descriptors, { clock }), clock, read);
}

describe('```yaml tests', () => {
  it.each(examples.map((example) => [example.at, example] as const))('%s passes', async (_at, example) => {
    const results = await run(example);
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed }) => !passed).map(({ name, differs, decision }) => ({ name, differs, reasons: decision.reasons }))).toEqual([]);
  });

  it('fails where a policy is not what its tests say (this test can fail)', async () => {
    const policy = '- { id: a, effect: allow, actions: [select] }\n';
    const tests = '- { as: alice, target: bank-db, statement: SELECT 1, expect: deny }\n';
    expect((await run({ policy, tests })).map(({ passed }) => passed)).toEqual([false]);
  });
});

describe('the cookbook', () => {
  const blocks = blocksOf('docs/policy-cookbook.md');
  it('holds at least 20 policies, each with tests behind it', () => {
    const kinds = blocks.map(({ language, mark }) => `${language} ${mark}`);
    expect(kinds.filter((kind) => kind === 'yaml policy').length).toBeGreaterThanOrEqual(20);
    for (const [index, kind] of kinds.entries()) if (kind === 'yaml policy') expect(kinds[index + 1], blocks[index]?.at).toBe('yaml tests');
  });
});
