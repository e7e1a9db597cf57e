/** Policies as files on any machine: check them, run the tests beside them, compare two of them. Needs no gateway and opens no connection. */
import { basename, dirname, join } from 'node:path';
import { GwError } from '../contract/gw-error.js';
import {
  comparePolicies,
  decideTest,
  type Fixture,
  type LoadedPolicy,
  loadPolicy,
  type PolicyDifference,
  parseFixture,
  readPolicyFiles,
  runFixture,
  TestClock,
  type TestResult,
} from '../policy/index.js';
import { protocolDescriptors } from './gateway-protocols.js';
import { readStatement } from './read-statement.js';

const FIXTURE = /\.test\.ya?ml$/;

async function load(
  patterns: readonly string[],
  directory: string,
  clock = new TestClock(),
): Promise<{ readonly policy: LoadedPolicy; readonly clock: TestClock }> {
  const { files } = await readPolicyFiles(patterns, directory);
  const policies = files.filter(({ path }) => !FIXTURE.test(path));
  if (policies.length === 0) throw new GwError('policy.invalid', `${patterns.join(', ')}: no policy file matches`);
  return { policy: loadPolicy(policies, protocolDescriptors, { clock }), clock };
}

async function fixturesOf(patterns: readonly string[]): Promise<Fixture[]> {
  const { files } = await readPolicyFiles(patterns, process.cwd());
  return files.filter(({ path }) => FIXTURE.test(path)).map(({ path, text }) => parseFixture(path, text));
}

/** @throws GwError `policy.invalid` with every problem. */
export async function checkPolicy(patterns: readonly string[]): Promise<{ readonly digest: string; readonly rules: readonly string[] }> {
  const { policy } = await load(patterns, process.cwd());
  return { digest: policy.digest, rules: policy.rules };
}

/** Texts of the files, for a gateway that is to look at them. @throws GwError `policy.invalid` */
export async function policyTexts(patterns: readonly string[]): Promise<readonly { readonly path: string; readonly text: string }[]> {
  const { files } = await readPolicyFiles(patterns, process.cwd());
  return files.filter(({ path }) => !FIXTURE.test(path));
}

/** @throws GwError `policy.invalid`: a policy or a fixture is not valid, or there is no fixture. */
export async function testPolicy(patterns: readonly string[]): Promise<readonly TestResult[]> {
  const results: TestResult[] = [];
  const fixtures = await fixturesOf(patterns);
  if (fixtures.length === 0) throw new GwError('policy.invalid', `${patterns.join(', ')}: no file of tests (NAME.test.yaml) matches`);
  for (const fixture of fixtures) {
    const beside = [basename(fixture.path).replace(FIXTURE, '.yaml')];
    const { policy, clock } = await load(fixture.policy ?? beside, join(process.cwd(), dirname(fixture.path)));
    results.push(...(await runFixture(fixture, policy, clock, readStatement)));
  }
  return results;
}

export interface PolicyComparison extends PolicyDifference {
  readonly before: string;
  readonly after: string;
  /** Tests whose decision is another one. */
  readonly decisions: readonly { readonly test: string; readonly before: string; readonly after: string }[];
}

/** @throws GwError `policy.invalid` */
export async function diffPolicies(before: readonly string[], after: readonly string[], tests: readonly string[]): Promise<PolicyComparison> {
  const [old, fresh] = [await load(before, process.cwd()), await load(after, process.cwd())];
  const decisions: { test: string; before: string; after: string }[] = [];
  for (const fixture of tests.length === 0 ? [] : await fixturesOf(tests)) {
    for (const test of fixture.tests) {
      const [was, is] = [await decideTest(test, old.policy, old.clock, readStatement), await decideTest(test, fresh.policy, fresh.clock, readStatement)];
      const words = ({ effect, rule, limits, approval }: typeof was): string => JSON.stringify([effect, rule, limits, approval?.approvers ?? null]);
      if (words(was) !== words(is))
        decisions.push({ test: test.name, before: `${was.effect} by ${was.rule ?? 'default'}`, after: `${is.effect} by ${is.rule ?? 'default'}` });
    }
  }
  return { before: old.policy.digest, after: fresh.policy.digest, ...comparePolicies(old.policy, fresh.policy), decisions };
}
