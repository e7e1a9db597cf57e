/** The sensitive fields of entries, out of the journal of their writer: found in its order, and given again for a batch that is made anew. */
import { expect, it } from 'vitest';
import type { AuditEntry } from '../../src/contract/audit-entry.js';
import { createSensitiveSource } from '../../src/gateway/sensitive-fields.js';
import { end, keys, open, start, withDirectory } from '../recording/session-fixture.js';

const begin = (n: number, session: string): AuditEntry => ({
  log: 'bank/0',
  n,
  time: '2026-03-01T12:00:00.000Z',
  kind: 'session.start',
  journal: 'wrk_a',
  data: { session, apart: ['name'] },
});

it('are given as often as they are asked for, also when the journal has gone on', () =>
  withDirectory(async (dir) => {
    await using journal = await open(dir, { bootId: 'wrk_a' });
    const sessions = ['ses_1', 'ses_2', 'ses_3'];
    for (const session of sessions) journal.begin(start(session)).end(end);
    journal.commit();
    const source = createSensitiveSource(dir, keys);
    for (const _round of [1, 2]) {
      for (const [n, session] of sessions.entries())
        expect([session, await source.of(begin(n, session))]).toEqual([session, expect.objectContaining({ name: 'alice' })]);
    }
    expect(await source.of(begin(3, 'ses_4'))).toBeNull();
    journal.begin(start('ses_4')).end(end);
    journal.commit();
    expect(await source.of(begin(3, 'ses_4'))).toMatchObject({ name: 'alice' });
    source.close();
  }));

it('of an entry that was written when the one before had been found are there', () =>
  withDirectory(async (dir) => {
    await using journal = await open(dir, { bootId: 'wrk_a' });
    const source = createSensitiveSource(dir, keys);
    for (const [n, session] of ['ses_1', 'ses_2', 'ses_3'].entries()) {
      journal.begin(start(session)).end(end);
      journal.commit();
      // Somebody waits for the disk: zeros are written ahead, and read with what stands before them.
      await journal.synced();
      expect([session, await source.of(begin(n, session))]).toEqual([session, expect.objectContaining({ name: 'alice' })]);
    }
    source.close();
  }));
