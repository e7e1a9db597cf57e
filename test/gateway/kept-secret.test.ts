/** A key that the gateway makes itself: what is locked by it is lost without it. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keptSecret } from '../../src/gateway/kept-secret.js';
import { SyncedNames } from '../support/synced-names.js';

it('a kept secret is made once, by several at a time too, and is there after a power cut when it is given', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'gw-secret-'));
  try {
    using synced = await SyncedNames.watch();
    const path = join(dir, 'key');
    const given = await Promise.all(['a', 'b', 'c'].map((text) => keptSecret(path, () => text, 0)));
    expect(new Set(given).size).toBe(1);
    expect(await synced.holds(dir, path)).toBe(true);
    expect(await readFile(path, 'utf8')).toBe(`${given[0]}\n`);
    expect(await readdir(dir)).toEqual(['key']);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
