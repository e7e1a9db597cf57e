/** What the system names by a code, in words. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileProblem } from '../../src/base/file-problem.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gw-file-problem-'));
  await mkdir(join(dir, 'folder'));
  await writeFile(join(dir, 'file'), '');
});
afterAll(() => rm(dir, { recursive: true }));

it.each([
  ['absent', 'there is no such file or directory'],
  ['folder', 'it is a directory'],
  ['file/below', 'what stands before the last name is no directory'],
  ['x'.repeat(300), 'the system says ENAMETOOLONG'],
])('says why %j cannot be read', async (name, why) => {
  const problem = await readFile(join(dir, name)).then(() => 'it was read', fileProblem);
  expect(problem).toBe(why);
});
