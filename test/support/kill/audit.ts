/**
 * Holds what the outside saw (the server's own log and rows, the bytes that clients sent and got) against what the gateway recorded and
 * stored. Pure: evidence in, findings in words out; no finding means that nothing is missing.
 */
import type { SessionSummary } from '../../../src/contract/session-store.js';
import type { RecordedOperation } from '../../../src/recording/index.js';
import type { RecordedSession } from './recorded-sessions.js';
import { ID } from './script.js';
import type { ExecutedStatement } from './target.js';
import type { WireOperation } from './wire-operations.js';

/** A connection as its client knows it. */
export interface SeenConnection {
  readonly operations: readonly WireOperation[];
  readonly terminated: boolean;
  readonly openedAt: number;
  readonly closedAt: number;
  readonly closedBy: 'client' | 'gateway' | null;
}

export interface Evidence {
  readonly connections: readonly SeenConnection[];
  readonly executed: readonly ExecutedStatement[];
  /** Ids of `written`, one for each row. */
  readonly written: readonly string[];
  /** Id → rows of `copied` as COPY text. */
  readonly copied: ReadonlyMap<string, readonly string[]>;
  readonly sessions: readonly RecordedSession[];
  readonly stored: ReadonlyMap<string, SessionSummary>;
  /** When the process of a journal was killed, for those that were. */
  readonly killed: ReadonlyMap<string, number>;
  /** When the target, or a part of it, was killed, and since when it was whole again. */
  readonly targetDown: readonly { readonly from: number; readonly to: number }[];
}

export interface Audit {
  readonly findings: string[];
  /** Operations that clients sent, as they or the tap say. */
  readonly sent: number;
  /** Operations that the server executed, by its log. */
  readonly reached: number;
  /** Operations that the server executed and that are not on record. */
  readonly lost: number;
  readonly operations: number;
  readonly statements: number;
  readonly outcomes: Record<string, number>;
  readonly ends: Record<string, number>;
  readonly resultBytes: number;
}

interface Recorded {
  readonly operation: RecordedOperation;
  readonly session: RecordedSession;
}

const idOf = (text: string, more: string): string | undefined => (ID.exec(text) ?? ID.exec(more))?.[0];
const allowed = ({ decision }: RecordedOperation): boolean => decision?.effect === 'allow';

export function audit(evidence: Evidence): Audit {
  const findings: string[] = [];
  const found = (what: string): void => {
    if (findings.length < 100) findings.push(what);
  };
  const recorded = index(evidence.sessions, found);
  const sent = new Map(evidence.connections.flatMap(({ operations }) => operations.map((operation) => [operation.id, operation] as const)));
  const ran = executedIds(evidence.executed, recorded, found);
  rowsAreRecorded(evidence, recorded, found);
  const outcomes: Record<string, number> = {};
  for (const [id, { operation, session }] of recorded) {
    const status = operation.outcome?.status ?? (allowed(operation) ? 'missing' : 'refused');
    outcomes[status] = (outcomes[status] ?? 0) + 1;
    if (status === 'missing') found(`${id}: sent without an outcome`);
    if (status === 'unknown' && !evidence.killed.has(session.journal)) found(`${id}: unknown, and the process of its journal was not killed`);
    if (status === 'ok' && !ran.has(id)) found(`${id}: recorded as done, and the server did not execute it`);
    if (!allowed(operation) && ran.has(id)) found(`${id}: refused, and the server executed it`);
    asSent(id, operation, sent.get(id), found);
  }
  const resultBytes = resultsAreRecorded(evidence, recorded, found);
  const ends = endsAreTrue(evidence, recorded, found);
  const lost = [...ran].filter((id) => !recorded.has(id)).length;
  return { findings, sent: sent.size, reached: ran.size, lost, operations: recorded.size, statements: evidence.executed.length, outcomes, ends, resultBytes };
}

function index(sessions: readonly RecordedSession[], found: (what: string) => void): Map<string, Recorded> {
  const recorded = new Map<string, Recorded>();
  for (const session of sessions) {
    for (const operation of session.operations) {
      const id = idOf(operation.exact.toString('utf8', 0, 4096), operation.parameters?.toString('latin1', 0, 300) ?? '');
      // Running a portal on after its end is an operation of its own without parameters.
      if (id === undefined) found(`${session.start.session}: an operation without an id: ${operation.exact.toString('utf8', 0, 200)}`);
      else if (!recorded.has(id)) recorded.set(id, { operation, session });
      else if (!(operation.form === 'prepare' && !allowed(operation))) found(`${id}: recorded twice`);
    }
  }
  return recorded;
}

/** Nothing reached the server without a record. Gives the ids of what it executed. */
function executedIds(executed: readonly ExecutedStatement[], recorded: ReadonlyMap<string, Recorded>, found: (what: string) => void): Set<string> {
  const ran = new Set<string>();
  for (const statement of executed) {
    const id = idOf(statement.text, statement.parameters);
    if (id === undefined) {
      found(`the server executed something without an id: ${statement.text.slice(0, 200)}`);
      continue;
    }
    if (ran.has(id) && !statement.continued) found(`${id}: executed twice`);
    ran.add(id);
    const operation = recorded.get(id)?.operation;
    if (operation === undefined) found(`${id}: executed without a record: ${statement.text.slice(0, 100)}`);
    else if (operation.exact.toString() !== statement.text) found(`${id}: executed with another text than recorded: ${statement.text.slice(0, 100)}`);
    else if (statement.extended !== (operation.parameters !== null)) found(`${id}: executed in another form than recorded`);
  }
  return ran;
}

function rowsAreRecorded({ written, copied }: Evidence, recorded: ReadonlyMap<string, Recorded>, found: (what: string) => void): void {
  const seen = new Set<string>();
  for (const id of written) {
    if (seen.has(id)) found(`${id}: written twice`);
    seen.add(id);
    const operation = recorded.get(id)?.operation;
    if (operation === undefined || !allowed(operation)) found(`${id}: a row without a record that allows it`);
  }
  for (const [id, rows] of copied) {
    const operation = recorded.get(id)?.operation;
    if (operation === undefined) found(`${id}: rows copied in without a record`);
    else if (!operation.received.cut && copyText(operation.received.bytes) !== rows.join('')) found(`${id}: other rows copied in than recorded`);
  }
}

/** The rows in CopyData messages. psql also sends the line that ends its input, which the server reads as no row. */
function copyText(messages: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; messages.length - at >= 5; ) {
    const next = at + 1 + messages.readUInt32BE(at + 1);
    parts.push(messages.subarray(at + 5, next));
    at = next;
  }
  return Buffer.concat(parts)
    .toString()
    .replace(/^\\\.\n$/m, '');
}

/** What is recorded is what the client sent, byte for byte. */
function asSent(id: string, operation: RecordedOperation, sent: WireOperation | undefined, found: (what: string) => void): void {
  if (sent === undefined) {
    found(`${id}: recorded, and no client sent it`);
    return;
  }
  if (operation.exact.toString() !== sent.text) found(`${id}: recorded with another text than sent`);
  const bound = operation.form === 'prepare' ? null : sent.parameters;
  if (bound === null ? operation.parameters !== null : operation.parameters?.equals(bound) !== true)
    found(`${id}: recorded with other parameters than sent ${operation.parameters?.length} ${bound?.length}`);
  if (!startsWith(sent.up, operation.received.bytes)) found(`${id}: recorded other input than sent`);
}

const startsWith = (whole: Buffer, part: Buffer): boolean => whole.length >= part.length && whole.subarray(0, part.length).equals(part);

/**
 * No client got a byte of a result that is not in the record (up to the cap, and beyond it in the count). What a server says when it goes is
 * an answer to whatever the client has sent, and recorded as unasked for when that had not gone up.
 */
function resultsAreRecorded({ connections, sessions }: Evidence, recorded: ReadonlyMap<string, Recorded>, found: (what: string) => void): number {
  let bytes = 0;
  // A connection of whose operations none went up cannot be told from the others of that kind.
  const idle = sessions.filter(({ operations }) => operations.length === 0);
  for (const { operations } of connections) {
    const session = sessionOf(operations, recorded);
    for (const { id, down } of operations) {
      bytes += down.length;
      const operation = recorded.get(id)?.operation;
      if (down.length === 0 || (operation !== undefined && !allowed(operation))) continue;
      const { bytes: kept, cut, total } = operation?.delivered ?? NOTHING;
      const same = Math.min(kept.length, down.length);
      const rest = down.subarray(same);
      if (!kept.subarray(0, same).equals(down.subarray(0, same))) found(`${id}: the client got other bytes than recorded`);
      else if (!cut && rest.length > 0 && !(session === undefined ? idle : [session]).some(({ unsolicited }) => lastWords(rest) && unsolicited.includes(rest)))
        found(`${id}: the client got ${down.length} bytes, and ${kept.length} are recorded: ${rest.toString('latin1', 0, 200)}`);
      if (cut && total !== null && down.length > total) found(`${id}: the client got ${down.length} bytes, and ${total} are recorded`);
    }
  }
  return bytes;
}

/** Notices and errors, from the beginning of a message. */
const lastWords = (bytes: Buffer): boolean => bytes.length >= 5 && (bytes[0] === 0x4e || bytes[0] === 0x45);

const NOTHING = { bytes: Buffer.alloc(0), cut: false, total: null };

const sessionOf = (operations: readonly WireOperation[], recorded: ReadonlyMap<string, Recorded>): RecordedSession | undefined =>
  operations.map(({ id }) => recorded.get(id)?.session).find((session) => session !== undefined);

/** Every session has an end that says what happened, the store agrees, and nobody lost a connection to somebody else's kill. */
function endsAreTrue(evidence: Evidence, recorded: ReadonlyMap<string, Recorded>, found: (what: string) => void): Record<string, number> {
  const { sessions, stored, killed, targetDown } = evidence;
  const ends: Record<string, number> = {};
  // The client had said goodbye and the gateway had closed; only the digest of a long result kept the last entry waiting when the process
  // was killed. Nothing of an operation is missing: the journal calls the end interrupted, the store may know it better.
  const caught = new Set<string>();
  for (const { operations, terminated } of evidence.connections) {
    const session = terminated ? sessionOf(operations, recorded) : undefined;
    if (session?.end?.reason === 'interrupted') caught.add(session.start.session);
  }
  for (const { journal, start, end, operations } of sessions) {
    const { session } = start;
    if (end === null) {
      found(`${session}: no end`);
      continue;
    }
    ends[end.reason] = (ends[end.reason] ?? 0) + 1;
    if (end.reason === 'interrupted' && !killed.has(journal)) found(`${session}: interrupted, and its process was not killed`);
    if (!['client', 'target', 'interrupted'].includes(end.reason)) found(`${session}: ended with ${end.reason}: ${end.message}`);
    if (operations.length !== end.operations) found(`${session}: ${operations.length} operations recorded, and its end counts ${end.operations}`);
    const row = stored.get(session);
    if (row === undefined) found(`${session}: not in the store (${end.reason}, ${end.operations} operations)`);
    else if (
      row.state !== 'ended' ||
      (row.endReason !== end.reason && !(row.endReason === 'client' && caught.has(session))) ||
      row.operations !== end.operations ||
      row.journal !== journal
    )
      found(`${session}: stored as ${row.state} ${row.endReason} with ${row.operations} operations; the journal says ${end.reason} with ${end.operations}`);
  }
  for (const { operations, closedBy, closedAt, openedAt, terminated } of evidence.connections) {
    const session = sessionOf(operations, recorded);
    if (session === undefined || session.end === null) continue;
    const { reason } = session.end;
    const { session: id } = session.start;
    if (operations.some((operation) => (recorded.get(operation.id)?.session ?? session) !== session)) found(`${id}: shares a connection with another session`);
    if (reason === 'client' && closedBy !== 'client' && !terminated) found(`${id}: ended as if the client had left, and it had not`);
    // Until the gateway has heard that its client left, a session lives on and may lose its target.
    const over = closedBy === 'client' ? Number.POSITIVE_INFINITY : closedAt;
    if (reason === 'target' && !targetDown.some(({ from, to }) => from <= over && openedAt <= to))
      found(`${id}: lost its target, which was there: from ${openedAt} to ${closedAt} (${closedBy}), and the target was down ${JSON.stringify(targetDown)}`);
    if (reason === 'interrupted' && closedBy === 'gateway' && !terminated && closedAt < (killed.get(session.journal) ?? Number.POSITIVE_INFINITY))
      found(`${id}: was disturbed before its own process was killed`);
  }
  return ends;
}
