/** Records of session keys that lie across the end of a sector, of which a power cut left one part: lost as one of which nothing is there, and erased all the same. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { destroyKey, RECORD_BYTES, readKeyRecord, readKeyStates } from '../../src/recording/encryption/session-keys.js';
import { type RecoveredSession, recoverJournals, verifyJournal } from '../../src/recording/index.js';
import { allow, bytes, collect, crashCopy, facts, integrity, keys, open, start, steppingClock, withDirectory } from './session-fixture.js';

const SECTOR = 512;
const SESSIONS = 24;
const DESTROYED = Buffer.concat([Buffer.from('DESTROYED'), Buffer.alloc(RECORD_BYTES - 9)]);

/** Each way in which a record can be cut: session, and bytes of it in the first sector. */
const CUTS = Array.from({ length: SESSIONS + 1 }, (_, number) => [number, SECTOR - ((number * RECORD_BYTES) % SECTOR)] as const).filter(
  ([number, first]) => number > 0 && first < RECORD_BYTES,
);

it('there are both ways to cut a record', () => {
  expect(CUTS).toEqual([
    [10, 32],
    [21, 16],
  ]);
});

it.each(CUTS.flatMap(([number, first]) => [[number, 'first', 0, first] as const, [number, 'last', first, RECORD_BYTES] as const]))(
  'a journal is recovered but for session %i, of whose key the %s part is lost',
  (number, _part, from, to) =>
    withDirectory(async (dir) => {
      await using journal = await open(dir, { bootId: 'w' });
      for (let at = 1; at <= SESSIONS; at++) journal.begin(start(`ses_${at}`)).operation(1, 'query', facts('reads'), allow, bytes('select 1'), null);
      journal.commit();
      const crash = join(dir, 'crash');
      await crashCopy(dir, 'w', crash);
      const path = join(crash, 'w', 'keys');
      const stored = await readFile(path);
      stored.fill(0, number * RECORD_BYTES + from, number * RECORD_BYTES + to);
      await writeFile(path, stored);
      let told: readonly RecoveredSession[] = [];
      const settle = async (sessions: readonly RecoveredSession[]): Promise<void> => void (told = sessions);
      expect((await recoverJournals(crash, { clock: steppingClock(), logger: silentLogger, keys, settle })).failed).toEqual([]);
      expect(told).toHaveLength(SESSIONS);
      expect(told.filter((each) => each.start === null).map(({ id }) => id)).toEqual([`ses_${number}`]);
      expect(await verifyJournal(crash)).toMatchObject({ intact: true });
      expect(integrity(await collect(crash, 'w', `ses_${number}`)).problems.map(({ code }) => code)).toEqual(['content-locked']);
      expect(integrity(await collect(crash, 'w', `ses_${number - 1}`)).intact).toBe(true);
      // What is left may be all of the key but its tag.
      destroyKey(join(crash, 'w'), number);
      const after = await readFile(path);
      expect(after.subarray(number * RECORD_BYTES, (number + 1) * RECORD_BYTES).equals(DESTROYED)).toBe(true);
      expect(readKeyStates(after).indexOf('destroyed')).toBe(number);
    }),
);

it.each(CUTS)('session %i is erased when a power cut left the destruction of its key half done, and the next one does the rest', (number, first) =>
  withDirectory(async (dir) => {
    await using journal = await open(dir, { bootId: 'w' });
    for (let at = 1; at <= SESSIONS; at++) journal.begin(start(`ses_${at}`));
    journal.commit();
    const path = join(dir, 'w', 'keys');
    const stored = await readFile(path);
    DESTROYED.copy(stored, number * RECORD_BYTES, 0, first);
    await writeFile(path, stored);
    expect(readKeyRecord(join(dir, 'w'), number).state).toBe('destroyed');
    expect(destroyKey(join(dir, 'w'), number)).toBe('destroyed');
    expect(readKeyRecord(join(dir, 'w'), number).record.equals(DESTROYED)).toBe(true);
  }),
);
