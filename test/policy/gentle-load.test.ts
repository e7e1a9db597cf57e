/**
 * A policy that is loaded beside running sessions is the same policy, and the same problems. With the compiled program, because threads of this Node run
 * no TypeScript; how long it takes from the sessions is measured in bench/micro/policy.mjs.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadPolicyGently } from '../../src/policy/gentle-load.js';
import { loadPolicy, type PolicyText } from '../../src/policy/index.js';
import { protocols } from '../../src/protocols/index.js';
import { type Bundled, bundled } from '../support/bundled.js';
import { effect, factsOf, identity } from './fixture-protocols.js';

const descriptors = protocols.map(({ descriptor }) => descriptor);
const shipped = (name: string): PolicyText => ({ path: `policies/${name}`, text: readFileSync(new URL(`../../policies/${name}`, import.meta.url), 'utf8') });
const many: PolicyText = {
  path: 'many.yaml',
  text: `version: 1\ndefaults: [{ operations: allow, targets: { labels: { env: dev } } }]\ntiers: { high: { approval: { groups: [a] } } }\nrules:\n${Array.from(
    { length: 300 },
    (_, i) =>
      `  - { id: r${i}, effect: ${i % 3 === 0 ? 'require_approval, tier: high' : 'deny'}, actions: [insert], resources: [relation: bank.t${i}], when: subject.subject != "x" }\n`,
  ).join('')}`,
};
const target = { name: 'bank-db', protocol: 'postgres', labels: { env: 'dev' } };

let gently: typeof loadPolicyGently;
let modules: Bundled;
beforeAll(async () => {
  modules = await bundled('policy/gentle-load', 'policy/check-worker');
  ({ loadPolicyGently: gently } = (await import(modules.url('policy/gentle-load'))) as { loadPolicyGently: typeof loadPolicyGently });
});
afterAll(() => modules[Symbol.asyncDispose]());

test.each(['thread', 'sources'])('decides, explains and names itself as a policy loaded at once does (%s)', async (way) => {
  const files = [shipped('bank.yaml'), shipped('guardrails.yaml'), many];
  const [whole, gentle] = [loadPolicy(files, descriptors), await (way === 'thread' ? gently : loadPolicyGently)(files, descriptors)];
  expect([gentle.digest, gentle.canonical, gentle.rules, gentle.sources]).toEqual([whole.digest, whole.canonical, whole.rules, whole.sources]);
  for (const who of [identity(), identity({ kind: 'agent' }), identity({ groups: ['auditors'] })]) {
    const [a, b] = [whole.view(who, target), gentle.view(who, target)];
    expect(b.connect()).toEqual(a.connect());
    for (const relation of ['bank.t0', 'bank.t1', '?.t3', 'ledger.entries', 'x.y']) {
      const facts = factsOf(effect('insert', relation));
      expect(b.decide(facts)).toEqual(a.decide(facts));
    }
  }
});

test('reports what a load at once reports', async () => {
  const files = [{ ...many, text: many.text.replace('id: r7,', 'id: R7,').replace('actions: [insert], resources: [relation: bank.t9]', 'actions: [inssert]') }];
  const refused = (load: () => unknown): Promise<unknown> =>
    Promise.resolve()
      .then(load)
      .then(
        () => 'loaded',
        (error: unknown) => error,
      );
  const [whole, gentle] = [await refused(() => loadPolicy(files, descriptors)), await refused(() => gently(files, descriptors))];
  expect(gentle).toMatchObject({ code: 'policy.invalid', message: (whole as Error).message, detail: { file: 'many.yaml' } });
});
