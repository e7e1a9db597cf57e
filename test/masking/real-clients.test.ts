/** redteam 6d, D5: dumps and copies that real programs make are masked dumps and copies: no canary is in a file of theirs, in any format. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEBIAN_BIN } from '../support/real-postgres.js';
import { type ProgramResult, runProgram } from '../support/run-program.js';
import { CANARIES, canariesIn } from './canary.js';
import { type CanaryWorld, startCanaryWorld } from './canary-world.js';

let canary: CanaryWorld;
let dir: string;

beforeAll(async () => {
  canary = await startCanaryWorld('15');
});
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gw-dumps-'));
  return () => rm(dir, { recursive: true, force: true });
});
afterAll(() => canary[Symbol.asyncDispose]());

const run = (program: string, person: string, args: readonly string[], input = ''): Promise<ProgramResult> =>
  runProgram(`${DEBIAN_BIN}/${program}`, ['-d', canary.world.url(`token-${person}`), ...args], { input, cwd: dir });

/** All that the program wrote, unpacked. */
async function written(): Promise<Buffer> {
  const files = await readdir(dir, { recursive: true, withFileTypes: true });
  const all = await Promise.all(files.filter((each) => each.isFile()).map((each) => readFile(join(each.parentPath, each.name))));
  return Buffer.concat(all.flatMap((bytes) => (bytes[0] === 0x1f && bytes[1] === 0x8b ? [bytes, gunzipSync(bytes)] : [bytes])));
}

describe.each([
  ['plain', ['-f', 'out.sql']],
  ['with INSERT', ['--inserts', '-f', 'out.sql']],
  ['with INSERT and columns', ['--column-inserts', '--rows-per-insert=2', '-f', 'out.sql']],
  ['tar', ['-Ft', '-f', 'out.tar']],
  ['directory', ['-Fd', '-f', 'out']],
  ['custom', ['-Fc', '-Z0', '-f', 'out.dump']],
])('pg_dump, %s', (_, args) => {
  it('holds the rows and nothing hidden', async () => {
    expect(await run('pg_dump', 'ann', ['-n', 'bank', ...args])).toMatchObject({ code: 0 });
    const bytes = await written();
    expect(bytes.includes('hello')).toBe(true);
    expect(canariesIn(bytes)).toEqual([]);
  });

  it('holds what somebody may see who sees everything (the search finds it)', async () => {
    expect(await run('pg_dump', 'vault', ['-n', 'bank', ...args])).toMatchObject({ code: 0 });
    expect(canariesIn(await written()).length).toBeGreaterThan(CANARIES.length);
  });
});

it.each([
  ['\\copy bank.customers to out.csv csv header', 'out.csv'],
  ['\\copy (select ssn, card, note from bank.customers) to out.bin binary', 'out.bin'],
  ['select ssn, card from bank.customers \\g out.txt', 'out.txt'],
  ['\\o out.txt\n\\x\nselect c, c.* from bank.customers c;\n\\o', 'out.txt'],
  ['\\pset format html\n\\o out.html\ntable bank.customers;\n\\o', 'out.html'],
  ['\\set FETCH_COUNT 1\nselect ssn from bank.customers \\g out.txt', 'out.txt'],
  ["select format('select %L', ssn) from bank.customers \\gexec", null],
  ['select ssn as s from bank.customers limit 1 \\gset\n\\echo :s', null],
  ['select id, name, ssn from bank.customers \\crosstabview', null],
  ['\\watch_is_not_here\nselect ssn::int from bank.customers;\n\\errverbose', null],
])('psql: %s', async (script, file) => {
  const { stdout, stderr } = await run('psql', 'ann', ['-X'], `${script}\n`);
  expect(canariesIn(Buffer.concat([Buffer.from(stdout + stderr), await written()]))).toEqual([]);
  if (file !== null) expect(await readdir(dir)).toEqual([file]);
});

it('nothing of it was written to disk by the gateway', async () => {
  const control = await run('psql', 'vault', ['-XAt', '-c', 'select 1']);
  expect(control.stdout).toBe('1\n');
  const found = (await canary.canariesOnDisk()).filter((each) => !each.startsWith('log: '));
  // What somebody sees who may is in the record of his session, and in no other.
  expect(found.length).toBeGreaterThan(0);
});
