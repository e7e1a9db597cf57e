/** Completion as people have it: what gw prints is taken by the real shells, and a word is completed without the network. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliHome, makeHome } from '../support/run-cli.js';

const execute = promisify(execFile);
let home: CliHome;

beforeAll(async () => {
  home = await makeHome();
});
afterAll(async () => {
  await home?.remove();
});

describe('fish', () => {
  let script: string;

  beforeAll(async () => {
    const { code, stdout } = await home.run(['autocomplete', 'fish']);
    expect(code).toBe(0);
    script = join(home.folder, 'gw.fish');
    await writeFile(script, stdout);
  });

  /** The words offered at the end of `line`. */
  const offered = async (line: string): Promise<string[]> => {
    const { stdout } = await execute('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', script, line], {
      env: { ...home.env, HOME: home.folder, PATH: process.env['PATH'] },
      cwd: home.folder,
    });
    return stdout
      .trim()
      .split('\n')
      .map((entry) => entry.split('\t')[0] ?? '');
  };

  it.each([
    ['gw conn', ['connect']],
    ['gw sessions ', ['erase', 'export', 'kill', 'ls', 'play', 'search', 'show', 'watch']],
    ['gw sessions ls --state ', ['ended', 'live']],
    ['gw quickstart ', ['token']],
    ['gw quickstart token --dir=/ --js', ['--json']],
    ['gw connect bank-db --pr', ['--print']],
    ['gw connect --print ', ['env', 'json', 'url']],
    ['gw login --ca-file gw.f', ['gw.fish']],
    ['gw exec bank-db -- cat gw.f', ['gw.fish']],
    ['gw exec bank-db -- cat --pr', ['']],
  ])('%s', async (line, words) => {
    expect((await offered(line)).sort()).toEqual(words);
  });
});

it('bash, as `gw autocomplete` sets it up', async () => {
  expect((await home.run(['autocomplete', '--refresh-cache'])).code).toBe(0);
  const { stdout } = await home.run(['autocomplete', 'script', 'bash']);
  const words = `${stdout.trim()}
gw() { :; }
for line in 'gw conn' 'gw sessions ki' 'gw connect --pr'; do
  COMP_WORDS=($line) COMP_CWORD=$(( $(wc -w <<<"$line") - 1 )) COMPREPLY=()
  _gw_autocomplete
  echo "\${COMPREPLY[@]}"
done`;
  const done = await execute('bash', ['--norc', '-c', words], { env: { ...home.env, PATH: process.env['PATH'] } });
  expect(done.stdout.split('\n')).toEqual(['connect', 'kill', '--print', '']);
});
