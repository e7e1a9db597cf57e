/** The session of the test vectors in test/formats/journal-v1 (not encrypted) and journal-v2, which also stands in docs/spec/journal.md: every kind of entry but `part`, in two segments. */
import type { GroupJournal, KeyWrapper } from '../../src/recording/index.js';
import { allow, bytes, deny, end, facts, ok, open, start } from './session-fixture.js';

export const VECTOR_BOOT_ID = 'wrk_vector';
export const VECTOR_SESSION = 'ses_vector';
const TIME = 1_790_000_000_000;

export async function writeVector(dir: string, encryption: KeyWrapper | null = null): Promise<void> {
  const journal: GroupJournal = await open(dir, {
    bootId: VECTOR_BOOT_ID,
    encryption,
    clock: { now: () => TIME, monotonic: () => 0 },
    segmentBytes: 1500,
    resultCap: 16,
    syncIntervalMs: 1_000_000,
    segmentMs: 1_000_000,
  });
  journal.event('gateway.started', { version: 'vector' });
  const session = journal.begin(start(VECTOR_SESSION));
  journal.commit();
  session.operation(1, 'query', facts('reads bank.customers'), allow, bytes('select id from bank.customers'), null);
  session.operation(2, 'query', facts('drops bank.customers'), deny, bytes('drop table bank.customers'), null);
  journal.commit();
  session.delivered(1, bytes('a result of more than sixteen bytes'));
  session.outcome(1, { ...ok, bytes: 35 });
  session.operation(3, 'execute', facts('sets a password', "alter role x password '***'"), allow, bytes("alter role x password 'secret'"), bytes('secret'));
  session.received(3, bytes('input'));
  session.outcome(3, { status: 'error', rows: 0, bytes: 0, durationUs: 7, message: null });
  journal.commit();
  session.event('session.renewed', { until: TIME });
  session.delivered(0, bytes('notice'));
  session.end(end);
  await journal.close();
}
