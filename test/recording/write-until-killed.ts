/**
 * A gateway worker as far as the journal sees it: several sessions under load until something kills the process. After each commit it says
 * on stdout how far each session's operations and outcomes are in the kernel: `session operations outcomes`.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { openJournal } from '../../src/recording/index.js';
import { allow, end, facts, keyFile, ok, start } from './session-fixture.js';

const [dir, bootId] = process.argv.slice(2) as [string, string];
const journal = await openJournal({
  dir,
  bootId,
  gateway: 'test-gateway',
  clock: systemClock,
  logger: silentLogger,
  encryption: keyFile,
  segmentBytes: 64 * 1024,
  resultCap: 1024,
  syncIntervalMs: 5,
});
const SESSIONS = 4;
const LIFE = 40;
const result = Buffer.alloc(300, 'r');
const long = Buffer.alloc(200_000, 'l');
const read = facts('reads');
let serial = 0;
const begin = (): { id: string; writer: ReturnType<typeof journal.begin>; operations: number; outcomes: number } => {
  const id = `ses_${bootId}_${serial++}`;
  return { id, writer: journal.begin(start(id)), operations: 0, outcomes: 0 };
};
const sessions = Array.from({ length: SESSIONS }, begin);
for (let turn = 0; ; turn++) {
  for (const session of sessions)
    session.writer.operation(
      ++session.operations,
      'query',
      turn % 7 === 0 ? facts(`turn ${turn}`) : read,
      allow,
      Buffer.from(`${session.id} select ${session.operations}`),
      null,
    );
  journal.commit();
  let said = sessions.map((session) => `${session.id} ${session.operations} ${session.outcomes}\n`).join('');
  for (const session of sessions) {
    session.writer.delivered(session.operations, turn % 50 === 0 ? long : result);
    session.writer.outcome(session.operations, ok);
    session.outcomes++;
  }
  if (turn % 3 === 0) {
    journal.commit();
    said += sessions.map((session) => `${session.id} ${session.operations} ${session.outcomes}\n`).join('');
  }
  writeSync(1, said);
  for (const [i, session] of sessions.entries()) {
    if (session.operations < LIFE + i) continue;
    session.writer.end(end);
    sessions[i] = begin();
  }
  if (turn % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
}
