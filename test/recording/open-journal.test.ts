/** What a power cut leaves of a journal that has just been opened. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SyncedNames } from '../support/synced-names.js';
import { end, open, start, withDirectory } from './session-fixture.js';

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
