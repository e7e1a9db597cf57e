/** What a power cut, a full disk and a kill leave of a journal that is being opened, and what others see of it meanwhile. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readWrappedKey, verifyJournal } from '../../src/recording/index.js';
import { SyncedNames } from '../support/synced-names.js';
import { end, keyFile, open, start, withDirectory } from './session-fixture.js';

it('a journal is there after a power cut, and so is the directory of all journals', () =>
  withDirectory(async (dir) => {
    using synced = await SyncedNames.watch();
    const journals = join(dir, 'data', 'journal');
    await using journal = await open(journals, { bootId: 'w' });
    journal.begin(start('ses_1')).end(end);
    journal.commit();
    await journal.synced();
    expect(await synced.holds(dir, join(journals, 'w'))).toBe(true);
  }));

it('the files of a journal are there after a power cut before the first frame is written', () =>
  withDirectory(async (dir) => {
    using synced = await SyncedNames.watch();
    const journals = join(dir, 'journal');
    await using journal = await open(journals, { bootId: 'w' });
    for (const name of ['lock', 'keys.json', 'keys', '000001.gwj']) expect(await synced.holds(dir, join(journals, journal.bootId, name)), name).toBe(true);
  }));

it('a key that could not be written as a whole is not there', () =>
  withDirectory(async (dir) => {
    // More than the lock has, less than the key; the file is longer than that of a key service's short answer.
    const wrapper = { ...keyFile, wrap: async (key: Buffer) => `${await keyFile.wrap(key)}${'='.repeat(1000)}` };
    const limit = (size: number | 'unlimited'): Buffer => execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:`]);
    limit(500);
    try {
      await expect(open(dir, { bootId: 'w', encryption: wrapper })).rejects.toMatchObject({ code: 'recording.failed' });
    } finally {
      limit('unlimited');
    }
    expect(await readWrappedKey(join(dir, 'w'))).toBeNull();
  }));

it('a journal whose key is still being wrapped verifies', () =>
  withDirectory(async (dir) => {
    let found: unknown = null;
    const wrap = async (key: Buffer): Promise<string> => {
      found = await verifyJournal(dir);
      return keyFile.wrap(key);
    };
    await using journal = await open(dir, { bootId: 'w', encryption: { ...keyFile, wrap } });
    expect(found).toMatchObject({ intact: true, workers: [{ bootId: journal.bootId, live: true, segments: [] }] });
  }));
