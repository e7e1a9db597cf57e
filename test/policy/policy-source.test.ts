/** The policy in force follows its files; a broken file changes nothing and is loud. Real files, real watching. */
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import type { GwError } from '../../src/contract/gw-error.js';
import { createPolicySource, type LoadedPolicy, loadPolicyFiles, type ReloadablePolicySource } from '../../src/policy/index.js';
import { bankDb, effect, factsOf, identity, protocols } from './fixture-protocols.js';

const policyText = (action: string, id = 'r'): string =>
  `version: 1\ndefaults: [{ operations: allow }]\nrules:\n  - { id: ${id}, effect: deny, actions: [${action}] }\n`;

let dir: string;
let source: ReloadablePolicySource | null;
let logged: { fields: object; message: string }[];
let events: (LoadedPolicy | GwError)[];
let wake: () => void;
const logger: Logger = { ...silentLogger, error: (fields, message) => void logged.push({ fields, message }) };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gw-policy-'));
  source = null;
  logged = [];
  events = [];
  wake = () => undefined;
});

afterEach(async () => {
  await source?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const put = (name: string, text: string): Promise<void> => writeFile(join(dir, name), text);

async function open(paths: readonly string[] = ['*.yaml'], rescanMs = 3_600_000): Promise<ReloadablePolicySource> {
  const heard = (event: LoadedPolicy | GwError): void => {
    events.push(event);
    wake();
  };
  source = await createPolicySource({ paths, baseDir: dir, protocols, logger, rescanMs, onChange: heard, onError: heard });
  return source;
}

/** Resolves when the source has told of `count` changes and failures. */
async function told(count: number): Promise<void> {
  while (events.length < count) await new Promise<void>((resolve) => (wake = resolve));
}

const denies = (policy: LoadedPolicy, action: string): boolean => policy.view(identity(), bankDb).decide(factsOf(effect(action))).effect === 'deny';

describe('reload', () => {
  test('takes a changed file, tells of it, and leaves sets already handed out as they were', async () => {
    await put('a.yaml', policyText('select'));
    const opened = await open();
    const before = opened.current();
    await put('a.yaml', policyText('insert'));
    expect(await opened.reload()).toBe('loaded');
    expect([denies(opened.current(), 'select'), denies(opened.current(), 'insert')]).toEqual([false, true]);
    expect([denies(before, 'select'), denies(before, 'insert')]).toEqual([true, false]);
    expect(events).toEqual([opened.current()]);
    expect(opened.current().sources[0]?.path).toBe('a.yaml');
  });

  test('of a broken file keeps the old digest, is loud once, and is over when the file is right again', async () => {
    await put('a.yaml', policyText('select'));
    const opened = await open();
    const digest = opened.current().digest;
    await put('b.yaml', 'version: 1\nrules: [{ id: x, effect: deny, actions: [drpo] }]\n');
    expect([await opened.reload(), await opened.reload()]).toEqual(['failed', 'failed']);
    expect(opened.current().digest).toBe(digest);
    expect(denies(opened.current(), 'select')).toBe(true);
    expect(opened.lastError?.message).toBe('b.yaml:2:42: unknown action `drpo`; did you mean `drop`?');
    expect(logged).toEqual([expect.objectContaining({ fields: expect.objectContaining({ code: 'policy.invalid', policy: digest }) })]);
    await unlink(join(dir, 'b.yaml'));
    expect(await opened.reload()).toBe('unchanged');
    expect(opened.lastError).toBeNull();
  });

  test('when every file is gone keeps the old policy', async () => {
    await put('a.yaml', policyText('select'));
    const opened = await open();
    await unlink(join(dir, 'a.yaml'));
    expect(await opened.reload()).toBe('failed');
    expect(denies(opened.current(), 'select')).toBe(true);
    expect(opened.lastError?.message).toBe('*.yaml: no policy file matches');
  });

  test('of comments alone is no change of policy', async () => {
    await put('a.yaml', policyText('select'));
    const opened = await open();
    await put('a.yaml', `# why\n${policyText('select')}`);
    expect(await opened.reload()).toBe('unchanged');
    expect(events).toEqual([]);
    expect(opened.current().sources[0]?.text).toMatch(/^# why/);
  });

  test('a listener that fails does not undo the change', async () => {
    await put('a.yaml', policyText('select'));
    const boom = (): never => {
      throw new RangeError('listener');
    };
    source = await createPolicySource({ paths: ['*.yaml'], baseDir: dir, protocols, logger, onChange: boom });
    await put('a.yaml', policyText('insert'));
    expect(await source.reload()).toBe('loaded');
    expect(denies(source.current(), 'insert')).toBe(true);
    expect(logged).toHaveLength(1);
  });
});

describe('watching', () => {
  test('notices a file written in place, added, replaced by rename and removed', async () => {
    await put('a.yaml', policyText('select'));
    const opened = await open();
    await put('a.yaml', policyText('insert'));
    await told(1);
    expect(denies(opened.current(), 'insert')).toBe(true);
    await put('b.yaml', policyText('drop'));
    await told(2);
    expect(denies(opened.current(), 'drop')).toBe(true);
    await put('.b.swp', policyText('delete'));
    await rename(join(dir, '.b.swp'), join(dir, 'b.yaml'));
    await told(3);
    expect([denies(opened.current(), 'drop'), denies(opened.current(), 'delete')]).toEqual([false, true]);
    await unlink(join(dir, 'b.yaml'));
    await told(4);
    expect(denies(opened.current(), 'delete')).toBe(false);
    expect(logged).toEqual([]);
  });

  test('reports a broken file without being asked', async () => {
    await put('a.yaml', policyText('select'));
    const opened = await open();
    await put('a.yaml', 'version: 1\nrulez: []\n');
    await told(1);
    expect(opened.lastError?.code).toBe('policy.invalid');
    expect(denies(opened.current(), 'select')).toBe(true);
  });

  test('follows a directory that is swapped by a symbolic link, as mounted configuration is', async () => {
    await mkdir(join(dir, 'one'));
    await mkdir(join(dir, 'two'));
    await put('one/p.yaml', policyText('select'));
    await put('two/p.yaml', policyText('insert'));
    await symlink('one', join(dir, '..data'));
    await symlink('..data/p.yaml', join(dir, 'p.yaml'));
    const opened = await open();
    await symlink('two', join(dir, '..tmp'));
    await rename(join(dir, '..tmp'), join(dir, '..data'));
    await told(1);
    expect([denies(opened.current(), 'select'), denies(opened.current(), 'insert')]).toEqual([false, true]);
  });

  test('looks now and then where nothing tells it (a file outside of what is watched)', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'gw-policy-'));
    try {
      await writeFile(join(elsewhere, 'p.yaml'), policyText('select'));
      await symlink(join(elsewhere, 'p.yaml'), join(dir, 'p.yaml'));
      const opened = await open(['p.yaml'], 20);
      await writeFile(join(elsewhere, 'p.yaml'), policyText('insert'));
      await told(1);
      expect(denies(opened.current(), 'insert')).toBe(true);
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  test('ends with the source', async () => {
    await put('a.yaml', policyText('select'));
    const opened = await open();
    await opened[Symbol.asyncDispose]();
    await put('a.yaml', policyText('insert'));
    expect(await opened.reload()).toBe('unchanged');
    expect(denies(opened.current(), 'select')).toBe(true);
  });
});

describe('files', () => {
  const rulesOf = async (...paths: string[]): Promise<readonly string[]> => (await loadPolicyFiles(paths, dir, protocols)).rules;

  test('are merged pattern by pattern, by name within one, each once; hidden ones only by name', async () => {
    await mkdir(join(dir, 'teams', 'b'), { recursive: true });
    await mkdir(join(dir, 'teams', 'a'), { recursive: true });
    for (const name of ['z.yaml', 'teams/a/team-a.yaml', 'teams/b/team-b.yml', '.hidden.yaml', 'notes.txt']) await put(name, policyText('select'));
    expect(await rulesOf('z.yaml', 'teams/*/*.y*ml', '*.yaml')).toEqual(['z/r', 'team-a/r', 'team-b/r']);
    expect(await rulesOf(join(dir, 'z.yaml'))).toEqual(['z/r']);
  });

  test.each([
    ['missing.yaml', 'missing.yaml: there is no such file'],
    ['missing/*.yaml', /missing: there is no such file$/],
    ['*.yml', '*.yml: no policy file matches'],
    ['latin.yaml', 'latin.yaml: it is not UTF-8'],
    ['folder', 'folder: it is not a file'],
  ])('%s is refused', async (path, message) => {
    await mkdir(join(dir, 'folder'));
    await writeFile(join(dir, 'latin.yaml'), Buffer.from([0x23, 0xe4, 0x0a]));
    await expect(rulesOf(path)).rejects.toMatchObject({
      code: 'policy.invalid',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });
  });

  test('that are broken at the start are an error: there is nothing to keep', async () => {
    await put('a.yaml', 'version: 1\nrulez: []\n');
    await expect(open()).rejects.toMatchObject({ code: 'policy.invalid', message: 'a.yaml:2:1: unknown key `rulez`; did you mean `rules`?' });
  });
});
