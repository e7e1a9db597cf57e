/** Keys that somebody kept: an empty file is what a shell leaves of a command that failed, and no key that signed nothing. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readKeyFiles } from '../../src/gateway/audit-workbench.js';

it.each([
  ['nothing', ''],
  ['lines without a word', '\n  \n'],
])('a key file with %s is an error that names it', async (_what, text) => {
  const dir = await mkdtemp(join(tmpdir(), 'gw-keys-'));
  try {
    const file = join(dir, 'audit.pub');
    await writeFile(file, text);
    await expect(readKeyFiles([file])).rejects.toMatchObject({
      code: 'usage.invalid',
      message: `The key file ${file} is empty.`,
      hint: expect.stringContaining('gw audit key'),
    });
  } finally {
    await rm(dir, { recursive: true });
  }
});
