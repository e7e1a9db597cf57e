/** A directory that appears when it is whole takes the place of nothing but an empty one, also of what came there meanwhile. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { savePack } from '../../src/cli/evidence/save-pack.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gw-staged-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('appears in the place of an empty one', async () => {
  const place = join(folder, 'empty');
  await savePack(place, async (out) => {
    await out.write('a/b.csv', Buffer.from('text'), true);
    await mkdir(place);
  });
  expect(await readFile(join(place, 'a', 'b.csv'), 'utf8')).toBe('text');
});

it('leaves what came there meanwhile, and nothing of its own', async () => {
  const place = join(folder, 'taken');
  const saved = savePack(place, async (out) => {
    await out.write('a.csv', Buffer.from('text'), true);
    await mkdir(place);
    await writeFile(join(place, 'mine'), 'mine');
  });
  await expect(saved).rejects.toMatchObject({ code: 'usage.invalid', message: expect.stringContaining(place) as string });
  expect(await readFile(join(place, 'mine'), 'utf8')).toBe('mine');
  expect(await readdir(folder)).toEqual(['empty', 'taken']);
});
