/** The shipped pack of a bank: its own tests pass, beside the guardrails, and its tests can fail. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Facts } from '../../src/contract/operation.js';
import { loadPolicy, parseFixture, runFixture, TestClock } from '../../src/policy/index.js';
import { protocols } from '../../src/protocols/index.js';

const descriptors = protocols.map(({ descriptor }) => descriptor);
const text = (name: string): string => readFileSync(new URL(`../../policies/${name}`, import.meta.url), 'utf8');
const fixture = parseFixture('policies/bank.test.yaml', text('bank.test.yaml'));
const read = async (_protocol: string, statement: string): Promise<Facts> => {
  const facts = await descriptors[0]?.factsOf?.(statement);
  if (facts === undefined) throw new Error('no facts');
  return facts;
};
const failures = async (bank: string): Promise<readonly string[]> => {
  const clock = new TestClock();
  const files = [
    { path: 'bank.yaml', text: bank },
    { path: 'guardrails.yaml', text: text('guardrails.yaml') },
  ];
  const results = await runFixture(fixture, loadPolicy(files, descriptors, { clock }), clock, read);
  return results.flatMap(({ name, differs }) => differs.map((difference) => `${name}: ${difference}`));
};

test('does what its tests say', async () => {
  expect(fixture.tests.length).toBeGreaterThan(30);
  expect(await failures(text('bank.yaml'))).toEqual([]);
});

test.each(['agents-writes', 'ledger-writes', 'bulk-exports', 'nothing-destroyed', 'nothing-unbounded', 'agents-for-somebody', 'notes-are-for-people'])(
  'without the rule %s a test fails',
  async (id) => {
    const without = text('bank.yaml').replace(new RegExp(`  - id: ${id}\\n[^]*?(?=\\n  - id: |\\n  # ----|$)`), '');
    expect(without).not.toContain(`id: ${id}`);
    expect(await failures(without)).not.toEqual([]);
  },
);
