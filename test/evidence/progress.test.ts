/** At a terminal, export and verification of a pack say how far they are, in one line that is gone at the end; where nobody watches, they say nothing of it. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../support/build-cli.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { runProgram } from '../support/run-program.js';
import { history } from './pack-history.js';
import { digestsOf } from './pack-tools.js';
import { PackWorld } from './pack-world.js';

const LINE = '\r\u001b[2K';

let world: PackWorld;
let home: CliHome;
beforeAll(async () => {
  world = await PackWorld.create();
  home = await makeHome();
  await history(world, {});
});
afterAll(async () => {
  await home?.remove();
  await world?.remove();
});

/** What a command says at a terminal, made by `script`; `to`: where its standard output goes instead. */
async function atTerminal(argv: readonly string[], to: string): Promise<{ readonly code: number | null; readonly text: string }> {
  const line = `exec '${[process.execPath, join(ROOT, 'bin', 'run.js'), ...argv].join("' '")}' > '${to}'`;
  const env = { ...home.env, TERM: 'xterm' };
  const { code, stdout } = await runProgram('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], { env });
  return { code, text: stdout };
}

it('progress of an export is one line, written over and taken away, and the pack is the same as without', async () => {
  const argv = ['evidence', 'export', '--data', world.dir, '--from', '2026-03-01'];
  const out = join(world.dir, 'watched');
  const watched = await atTerminal([...argv, '-o', out], join(world.dir, 'said'));
  expect(watched.code, watched.text).toBe(0);
  const steps = watched.text.split(LINE).slice(1);
  const told = steps.filter((step) => / … \d+ %$/.test(step));
  expect(told.map((step) => step.replace(/ … \d+ %$/, ''))).toEqual(expect.arrayContaining(['reading the logs', 'reading the journals', 'done']));
  expect(told.at(-1)).toBe('done … 100 %');
  const parts = told.map((step) => Number(/(\d+) %$/.exec(step)?.[1]));
  expect(parts.every((part) => part >= 0 && part <= 100)).toBe(true);
  // The line is taken away before anything else is said: what follows the last of them is no progress.
  expect(steps.indexOf(told.at(-1) ?? '')).toBe(told.length - 1);
  expect(steps.length).toBe(told.length + 1);
  expect(steps.at(-1)).not.toContain('…');

  const silent = await home.run([...argv, '-o', join(world.dir, 'silent')]);
  expect(silent.code).toBe(0);
  expect(silent.stderr).not.toContain('…');
  expect(silent.stderr).not.toContain('\u001b');
  expect(await digestsOf(join(world.dir, 'silent'))).toEqual(await digestsOf(out));
});

it('so is that of a verification', async () => {
  const out = join(world.dir, 'verified');
  expect((await home.run(['evidence', 'export', '--data', world.dir, '--from', '2026-03-01', '-o', out])).code).toBe(0);
  const watched = await atTerminal(['evidence', 'verify', out, '--key', world.keyFile], join(world.dir, 'verdict'));
  expect(watched.code, watched.text).toBe(0);
  expect(watched.text).toContain(`${LINE}checking the files … `);
  expect(watched.text).toContain(`${LINE}deriving the tables again … `);
  expect(watched.text.split(LINE).at(-1)).not.toContain('…');
});
