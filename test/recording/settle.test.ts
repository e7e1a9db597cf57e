/** Recovery tells of every session whose row may be missing, also when it is itself killed after the journal was sealed. */
import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { GwError } from '../../src/contract/gw-error.js';
import { type RecoveredSession, recoverJournals } from '../../src/recording/index.js';
import { crashCopy, end, freshDirectory, keys, open, start, steppingClock, withDirectory } from './session-fixture.js';

const recovery = { clock: steppingClock(1_800_000_000_000), logger: silentLogger, keys };

describe('recovery that settles what it found', () => {
  it('gives a session that ended just before the kill with its true end, and gives it again until that was taken', () =>
    withDirectory(async (dir) => {
      const crash = await freshDirectory();
      await using journal = await open(dir, { bootId: 'w' });
      const gone = journal.begin(start('ses_gone'));
      journal.begin(start('ses_open'));
      gone.end(end);
      journal.commit();
      await crashCopy(dir, 'w', crash);
      const told: (readonly RecoveredSession[])[] = [];
      const settle = async (sessions: readonly RecoveredSession[]): Promise<void> => {
        told.push(sessions);
        if (told.length === 1) throw new GwError('store.unavailable', 'The state database does not answer.');
      };
      expect((await recoverJournals(crash, { ...recovery, settle })).failed).toHaveLength(1);
      expect((await recoverJournals(crash, { ...recovery, settle })).failed).toEqual([]);
      expect(told).toHaveLength(2);
      for (const sessions of told) {
        expect(sessions.map(({ id, start: begun, end: ended }) => [id, begun?.session, ended?.reason]).sort()).toEqual([
          ['ses_gone', 'ses_gone', end.reason],
          ['ses_open', 'ses_open', 'interrupted'],
        ]);
      }
      // Taken: a third run has nothing to do.
      await recoverJournals(crash, { ...recovery, settle });
      expect(told).toHaveLength(2);
      await rm(crash, { recursive: true });
    }));
});
