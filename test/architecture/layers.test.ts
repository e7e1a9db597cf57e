/**
 * The layer rules bite: each rule of .dependency-cruiser.cjs is given a small tree that breaks it and must be the one that objects, and
 * the forms that are meant to be allowed pass. `npm run check` applies the same file to src.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Rules {
  readonly forbidden: readonly { readonly name: string; readonly comment: string }[];
  readonly options: ICruiseOptions;
}
const rules = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as Rules;

/** Rule → the file that breaks it and its line. The imported file is made too, unless it is a package or a built-in. */
const BREAKING: Readonly<Record<string, readonly [file: string, line: string]>> = {
  'base-knows-nothing': ['src/base/b1.ts', "import type { X } from '../contract/target.js';"],
  'contract-knows-base': ['src/contract/c1.ts', "import { x } from '../policy/index.js';"],
  'domains-stand-alone': ['src/policy/p1.ts', "import type { X } from '../identity/index.js';"],
  'evidence-reads-records': ['src/evidence/e1.ts', "import { x } from '../policy/index.js';"],
  'islands-never-meet': ['src/protocols/alpha/a1.ts', "import { x } from '../beta/index.js';"],
  'registry-names-islands-only': ['src/protocols/index.ts', "import { x } from './alpha/engine.js';"],
  'islands-are-entered-by-their-index': ['src/gateway/g1.ts', "import { x } from '../protocols/alpha/engine.js';"],
  'codecs-are-pure': ['src/protocols/alpha/codec/read.ts', "import { readFileSync as x } from 'node:fs';"],
  'tunnel-is-shared': ['src/tunnel/t1.ts', "import { x } from '../client/index.js';"],
  'session-gets-domains-by-constructor': ['src/session/s1.ts', "import { x } from '../policy/index.js';"],
  'session-stays-below': ['src/session/s2.ts', "import type { X } from '../gateway/g0.js';"],
  'store-and-config-below': ['src/store/s1.ts', "import { x } from '../recording/index.js';"],
  'config-is-read-by-all': ['src/config/c1.ts', "import { x } from '../policy/index.js';"],
  'api-serves-services': ['src/api/a1.ts', "import type { X } from '../session/registry.js';"],
  'api-takes-services-by-constructor': ['src/api/a2.ts', "import { x } from '../policy/index.js';"],
  'agent-is-outside': ['src/agent/a1.ts', "import { x } from '../policy/index.js';"],
  'gateway-is-the-root': ['src/gateway/g2.ts', "import { x } from '../cli/output.js';"],
  'client-and-cli-are-users': ['src/client/c1.ts', "import { x } from '../session/registry.js';"],
  'cli-is-a-user': ['src/cli/c1.ts', "import { x } from '../gateway/g0.js';"],
  'quickstart-plays-a-user': ['src/quickstart/q1.ts', "import { x } from '../session/registry.js';"],
  'commands-are-thin': ['src/commands/gateway/start.ts', "import { x } from '../../gateway/g0.js';"],
  'commands-start-servers-only-there': ['src/commands/ls.ts', "export const y = import('../gateway/g0.js');"],
  'nobody-imports-commands': ['src/cli/c2.ts', "import { x } from '../commands/status.js';"],
  'no-cycles': ['src/base/b2.ts', "import type { X } from './b2-other.js';"],
  'domains-have-no-network': ['src/masking/m1.ts', "import { connect as x } from 'node:net';"],
  'islands-have-no-network': ['src/protocols/alpha/a2.ts', "import { connect as x } from 'node:tls';"],
  'commands-have-no-network': ['src/commands/whoami.ts', "import { request as x } from 'node:https';"],
  'child-processes-are-rare': ['src/gateway/g3.ts', "import { spawn as x } from 'node:child_process';"],
  'sql-grammar-in-its-island': ['src/policy/p2.ts', "import { x } from 'libpg-query';"],
  'ssh-transport-in-its-island': ['src/policy/p3.ts', "import { x } from 'ssh2';"],
  'database-client-in-store': ['src/gateway/g4.ts', "import { x } from 'pg';"],
  'cli-framework-in-cli': ['src/client/c2.ts', "import { x } from 'chalk';"],
  'identity-provider-in-quickstart': ['src/gateway/g5.ts', "import { x } from 'oidc-provider';"],
  'no-development-packages': ['src/base/b3.ts', "import { x } from 'fast-check';"],
  'no-unresolvable': ['src/base/b4.ts', "import { x } from 'not-installed';"],
  'src-needs-nothing-outside': ['src/base/b5.ts', "import { x } from '../../test/support/tool.js';"],
  'every-folder-has-a-place': ['src/helpful/h1.ts', "import { join as x } from 'node:path';"],
};

/** Forms that look like the ones above and are meant to be allowed. */
const ALLOWED: readonly (readonly [file: string, line: string])[] = [
  ['src/session/ok1.ts', "import type { X } from '../policy/index.js';"],
  ['src/api/ok1.ts', "import type { X } from '../policy/index.js';"],
  ['src/commands/gateway/check.ts', "export const y = import('../../gateway/g0.js');"],
  ['src/protocols/alpha/ok1.ts', "import type { TLSSocket as X } from 'node:tls';"],
  ['src/gateway/ok1.ts', "import { x } from '../protocols/index.js';"],
  ['src/targets/direct-connector.ts', "import { connect as x } from 'node:net';"],
  ['src/identity/key-set-fetch.ts', "import { request as x } from 'node:https';"],
  ['src/session/ok2.ts', "import { x } from '../tunnel/frame.js';"],
  ['src/quickstart/ok1.ts', "import { x } from '../store/embedded-postgres.js';"],
  ['src/quickstart/ok2.ts', "import { x } from 'ssh2';"],
  ['src/store/supervised-process.ts', "import { spawn as x } from 'node:child_process';"],
];

const PACKAGES = ['libpg-query', 'ssh2', 'pg', 'chalk', 'oidc-provider', 'fast-check'];
const root = mkdtempSync(join(tmpdir(), 'gw-layers-'));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text, { flag: 'a' });
}

/** Rule and the files involved: the importing one, or all of a cycle (which is reported once, for one of them). */
let found: readonly { readonly rule: string; readonly files: readonly string[] }[] = [];

beforeAll(async () => {
  const dependencies = Object.fromEntries(PACKAGES.filter((name) => name !== 'fast-check').map((name) => [name, '1.0.0']));
  write('package.json', JSON.stringify({ name: 'layers', version: '1.0.0', type: 'module', dependencies, devDependencies: { 'fast-check': '1.0.0' } }));
  write('tsconfig.json', JSON.stringify({ compilerOptions: { module: 'NodeNext', target: 'ES2022', verbatimModuleSyntax: true } }));
  for (const name of PACKAGES) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', type: 'module', exports: './index.js' }));
    write(`node_modules/${name}/index.js`, 'export const x = 1;\n');
  }
  write('src/base/b2-other.ts', "import type { X } from './b2.js';\nexport type Y = X;\nexport interface X0 { readonly y: Y }\n");
  const made = new Set<string>();
  for (const [file, line] of [...Object.values(BREAKING), ...ALLOWED]) {
    write(file, `${line}\n${line.startsWith('import type') ? 'export type X1 = X;\n' : ''}`);
    const target = /'(\.[^']+)\.js'/.exec(line)?.[1];
    const path = target === undefined ? null : join(dirname(file), `${target}.ts`);
    if (path !== null && !made.has(path) && !Object.values(BREAKING).some(([other]) => other === path)) {
      made.add(path);
      write(path, 'export const x = 1;\nexport interface X { readonly x: number }\n');
    }
  }
  const options = { ...rules.options, baseDir: root, ruleSet: { forbidden: rules.forbidden }, validate: true } as ICruiseOptions;
  const { output } = await cruise(['src'], options, {}, {});
  found = (output as ICruiseResult).summary.violations.map((violation) => ({
    rule: violation.rule.name,
    files: [violation.from, ...(violation.cycle ?? []).map((member) => member.name)],
  }));
});

afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

describe('layer rules', () => {
  it('have a case here, each', () => {
    expect(Object.keys(BREAKING).sort()).toEqual(rules.forbidden.map((rule) => rule.name).sort());
  });

  it.each(rules.forbidden.map((rule) => [rule.name, rule.comment] as const))('%s says why', (_name, comment) => {
    expect(comment).toMatch(/^because /);
  });

  it.each(Object.entries(BREAKING))('%s objects', (rule, [file]) => {
    expect(found.filter((violation) => violation.files.includes(file)).map((violation) => violation.rule)).toContain(rule);
  });

  it.each(ALLOWED)('%s may: %s', (file) => {
    expect(found.filter((violation) => violation.files.includes(file))).toEqual([]);
  });
});
