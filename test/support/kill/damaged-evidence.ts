/** The same evidence with one thing wrong in the gateway's record: what the audit must find, each by itself. */
import type { SessionSummary } from '../../../src/contract/session-store.js';
import type { RecordedOperation } from '../../../src/recording/index.js';
import type { Evidence } from './audit.js';
import type { RecordedSession } from './recorded-sessions.js';

/** The first operation that was done and delivered something to a tapped client, changed. */
function change(evidence: Evidence, how: (operation: RecordedOperation, session: RecordedSession) => RecordedOperation[]): Evidence {
  let done = false;
  const sessions = evidence.sessions.map((session) => ({
    ...session,
    operations: session.operations.flatMap((operation) => {
      if (done || operation.exact.includes('op_0_') || operation.outcome?.status !== 'ok' || operation.delivered.bytes.length === 0 || operation.delivered.cut)
        return [operation];
      done = true;
      return how(operation, session);
    }),
  }));
  return { ...evidence, sessions };
}

const lastSession = (evidence: Evidence): string => evidence.sessions.at(-1)?.start.session ?? '';

function store(evidence: Evidence, how: (rows: Map<string, SessionSummary>) => void): Evidence {
  const stored = new Map(evidence.stored);
  how(stored);
  return { ...evidence, stored };
}

export const DAMAGES: Readonly<Record<string, (evidence: Evidence) => Evidence>> = {
  'an operation is missing': (evidence) => change(evidence, () => []),
  'an operation is there twice': (evidence) => change(evidence, (operation) => [operation, operation]),
  'another text': (evidence) => change(evidence, (operation) => [{ ...operation, exact: Buffer.concat([operation.exact, Buffer.from(' ')]) }]),
  'no outcome': (evidence) => change(evidence, (operation) => [{ ...operation, outcome: null }]),
  'a byte of a result is missing': (evidence) =>
    change(evidence, (operation) => [{ ...operation, delivered: { ...operation.delivered, bytes: operation.delivered.bytes.subarray(0, -1) } }]),
  'a session without an end': (evidence) => ({
    ...evidence,
    sessions: evidence.sessions.map((session) => (session.start.session === lastSession(evidence) ? { ...session, end: null } : session)),
  }),
  'a session that lives for ever': (evidence) =>
    store(evidence, (rows) => {
      const row = rows.get(lastSession(evidence));
      if (row !== undefined) rows.set(row.id, { ...row, state: 'live', endReason: null });
    }),
  'a session that is not listed': (evidence) => store(evidence, (rows) => void rows.delete(lastSession(evidence))),
  'an interruption that nobody caused': (evidence) => ({ ...evidence, killed: new Map() }),
};
