/** Commands are thin and complete: at most 80 lines, a description, examples, and an entry in the committed manifest. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { filesBelow, ROOT, read } from './source-files.js';

const files = filesBelow('src/commands');
const idOf = (path: string): string =>
  path
    .replace(/^src\/commands\//, '')
    .replace(/\.ts$/, '')
    .replace(/\/index$/, '')
    .replaceAll('/', ':');

interface CommandClass {
  readonly description?: string;
  readonly summary?: string;
  readonly examples?: readonly unknown[];
  readonly flags?: Readonly<Record<string, { readonly description?: string; readonly summary?: string; readonly hidden?: boolean }>>;
  readonly args?: Readonly<Record<string, { readonly description?: string }>>;
}

describe('commands', () => {
  it('exist', () => {
    expect(files.length).toBeGreaterThan(10);
  });

  it.each(files)('%s has at most 80 lines', (path) => {
    expect(read(path).trimEnd().split('\n').length).toBeLessThanOrEqual(80);
  });

  it.each(files)('%s has a description, examples, and words for every flag and argument', async (path) => {
    const { default: command } = (await import(pathToFileURL(join(ROOT, path)).href)) as { readonly default: CommandClass };
    expect(command.description ?? command.summary ?? '').not.toBe('');
    expect(command.examples ?? []).not.toEqual([]);
    const silent = [...Object.entries(command.flags ?? {}), ...Object.entries(command.args ?? {})].filter(
      ([, option]) => (option.description ?? '') === '' && (!('summary' in option) || (option.summary ?? '') === ''),
    );
    expect(silent.map(([name]) => name)).toEqual([]);
  });
});

describe('oclif.manifest.json', () => {
  it('is committed, names this version and exactly the commands of the sources (otherwise: npm run generate)', () => {
    expect(existsSync(join(ROOT, 'oclif.manifest.json'))).toBe(true);
    const manifest = JSON.parse(read('oclif.manifest.json')) as { readonly version: string; readonly commands: Readonly<Record<string, unknown>> };
    expect(manifest.version).toBe((JSON.parse(read('package.json')) as { readonly version: string }).version);
    expect(Object.keys(manifest.commands).sort()).toEqual(files.map(idOf).sort());
  });
});
