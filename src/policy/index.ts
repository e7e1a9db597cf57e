/**
 * Policy: YAML in, decisions out. Pure but for `policy-files` (reads) and `policy-source` (watches). Semantics in
 * docs/adr/0003-policy-semantics.md.
 */
export { type Fixture, parseFixture } from './fixtures.js';
export { policyJsonSchema } from './json-schema.js';
export { loadPolicy } from './load-policy.js';
export { loadPolicyFiles, readPolicyFiles } from './policy-files.js';
export type { LoadedPolicy, PolicyText } from './policy-set.js';
export { createPolicySource, type ReloadablePolicySource } from './policy-source.js';
export { comparePolicies, decideTest, type PolicyDifference, type ReadStatement, runFixture, TestClock, type TestResult } from './run-fixture.js';
export { replayClock, Simulation } from './simulation.js';
