/**
 * What the documents show is true. Policies and configurations in them load, by the loaders that the gateway uses; calls of gw name
 * commands and flags that exist; blocks marked as tests run. CONTRIBUTING.md says how to mark a block.
 */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { type ConfigProtocols, checkGatewayConfig } from '../../src/config/index.js';
import { loadPolicy } from '../../src/policy/index.js';
import { protocols } from '../../src/protocols/index.js';
import { faultOf, gwCalls, type Manifest } from './command-lines.js';
import { type Block, blocksOf, documents, ROOT } from './markdown-blocks.js';

const blocks = documents().flatMap((path) => blocksOf(path));
const marked = (language: string, mark: string): readonly Block[] => blocks.filter((block) => block.language === language && block.mark === mark);
const named = (some: readonly Block[]): readonly (readonly [string, Block])[] => some.map((block) => [block.at, block]);
const work = mkdtempSync(join(tmpdir(), 'gw-docs-'));
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const descriptors = protocols.map((protocol) => protocol.descriptor);

/** A whole file as it stands, so that what the reader copies is what was checked; a list is taken as rules, other parts get a version. */
function wholePolicy(text: string): string {
  const shown = parse(text) as readonly unknown[] | Readonly<Record<string, unknown>>;
  if (Array.isArray(shown)) return stringify({ version: 1, rules: shown });
  return 'version' in shown ? text : stringify({ version: 1, ...shown });
}

describe('```yaml policy', () => {
  const policies = marked('yaml', 'policy');

  it('blocks exist', () => {
    expect(policies.length).toBeGreaterThan(0);
  });

  it.each(named(policies))('%s loads', (_at, block) => {
    expect(loadPolicy([{ path: 'example.yaml', text: wholePolicy(block.text) }], descriptors).digest).toMatch(/^sha256:/);
  });

  it('fails on a policy that is wrong (this test can fail)', () => {
    for (const text of ['version: 1\nrules:\n  - id: a\n    effect: perhaps\n', '- id: a\n  effect: perhaps\n', 'rules: [{ id: a, effect: perhaps }]\n']) {
      expect(() => loadPolicy([{ path: 'example.yaml', text: wholePolicy(text) }], descriptors)).toThrow(/effect/);
    }
  });
});

describe('```yaml gateway', () => {
  const configurations = marked('yaml', 'gateway');
  const kinds: ConfigProtocols = Object.fromEntries(
    protocols.map((protocol) => [
      protocol.kind,
      {
        parseOptions: (raw, directory) => protocol.parseOptions(raw, directory),
        optionsSchema: protocol.optionsSchema,
        defaultPort: protocol.descriptor.defaultPort,
      },
    ]),
  );
  /** A block may show some sections only: the others come from here. */
  const rest = {
    version: 1,
    gateway: { name: 'example', listen: '127.0.0.1:7443', tls: { certificate: 'cert.pem', key: 'key.pem' } },
    identity: { issuers: [{ issuer: 'https://issuer.example.com', audience: 'gw', login: { clientId: 'gw-cli' } }] },
    policy: { files: ['policy.yaml'] },
    targets: [],
  };
  let count = 0;

  /** What is wrong with the block, apart from files that it names and that exist only on the reader's machine. */
  async function faults(text: string): Promise<readonly string[]> {
    const directory = join(work, `gateway-${++count}`);
    mkdirSync(directory);
    for (const name of ['cert.pem', 'key.pem', 'policy.yaml']) writeFileSync(join(directory, name), 'version: 1\n', { mode: 0o600 });
    const file = join(directory, 'gateway.yaml');
    const sections = parse(text) as Readonly<Record<string, unknown>>;
    // A whole file is checked as it stands, so that what the reader copies is what was checked.
    writeFileSync(file, 'version' in sections ? text : stringify({ ...rest, ...sections }));
    const { errors } = await checkGatewayConfig(file, { protocols: kinds });
    return errors.filter((error) => !/the file cannot be read|no file matches|matches no file/.test(error));
  }

  it('blocks exist', () => {
    expect(configurations.length).toBeGreaterThan(0);
  });

  it.each(named(configurations))('%s is accepted', async (_at, block) => {
    expect(await faults(block.text)).toEqual([]);
  });

  it('fails on a configuration that is wrong (this test can fail)', async () => {
    expect(await faults('limits: { maxSesions: 3 }\n')).not.toEqual([]);
    expect(await faults('limits: { maxSessions: 3 }\n')).toEqual([]);
  });
});

describe('calls of gw in shell blocks', () => {
  const path = join(ROOT, 'oclif.manifest.json');
  const manifest: Manifest = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Manifest) : { commands: {} };
  const calls = blocks
    .filter((block) => ['sh', 'bash', 'shell', 'console'].includes(block.language))
    // In `console` blocks only what follows a prompt is typed; the rest is what gw said.
    .flatMap((block) => {
      const typed =
        block.language === 'console'
          ? block.text
              .split('\n')
              .filter((line) => line.startsWith('$ '))
              .join('\n')
          : block.text;
      return gwCalls(typed).map((words) => [block.at, `gw ${words.join(' ')}`, words] as const);
    });

  it('exist', () => {
    expect(calls.length).toBeGreaterThan(0);
  });

  it.each(calls)('%s: %s', (_at, _text, words) => {
    expect(faultOf(words, manifest)).toBeNull();
  });
});

describe('npm scripts named in the documents', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> };
  const texts = documents().map((path) => readFileSync(join(ROOT, path), 'utf8'));
  const names = new Set(texts.flatMap((text) => [...text.matchAll(/npm run (?:--silent )?([a-z][\w:-]*)/g)].map((match) => match[1] ?? '')));

  it('exist in package.json', () => {
    expect(names.size).toBeGreaterThan(3);
    expect([...names].filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

describe('```sh test', () => {
  const bin = join(work, 'bin');
  mkdirSync(bin);
  symlinkSync(join(ROOT, 'bin/run.js'), join(bin, 'gw'));
  if (existsSync(join(ROOT, 'bin/run.js'))) chmodSync(join(ROOT, 'bin/run.js'), 0o755);

  /** Runs in an empty home, with the gw that was built. Rejects with what it printed when it does not exit 0. */
  async function run(script: string): Promise<string> {
    const home = mkdtempSync(join(work, 'home-'));
    const env = { PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`, HOME: home, CI: 'true', NO_COLOR: '1' };
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: home, env });
    return stdout;
  }

  it.each(named(marked('sh', 'test')))('%s runs', async (_at, block) => {
    await expect(run(block.text)).resolves.toBeDefined();
  });

  it('runs the gw that was built, and fails when the script does (this test can fail)', async () => {
    expect(await run('gw --version')).toMatch(/^gw\//);
    await expect(run('gw --version\nfalse | true\n')).rejects.toThrow();
  });
});

it('every marked block is one that is checked', () => {
  const known = new Set(['yaml policy', 'yaml tests', 'yaml gateway', 'sh test']);
  expect(blocks.filter((block) => block.mark !== '' && !known.has(`${block.language} ${block.mark}`)).map((block) => block.at)).toEqual([]);
});
