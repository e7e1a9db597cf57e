/** How sessions and their operations read, as rows and for people. */
import { counted } from '../../base/counted.js';
import type { ClientRecording, OperationRecord, SessionDetail, SessionSummary } from '../../contract/api-types.js';
import { paintOut, visible } from '../terminal.js';
import { duration, relativeTime } from './relative-time.js';
import type { Column } from './rows.js';
import { renderTable } from './table.js';

export function sessionColumns(now: number): readonly Column<SessionSummary>[] {
  return [
    { name: 'id', value: (session) => session.id },
    { name: 'state', value: (session) => session.state, show: (session) => (session.state === 'live' ? 'live' : `ended (${session.endReason ?? 'unknown'})`) },
    { name: 'name', value: (session) => session.name },
    { name: 'target', value: (session) => session.target },
    { name: 'started', value: (session) => session.startedAt, show: (session) => relativeTime(session.startedAt, now) },
    { name: 'operations', value: (session) => session.operations },
    { name: 'refused', value: (session) => session.refused },
    { name: 'rows', value: (session) => session.rows },
    { name: 'reason', value: (session) => session.reason },
  ];
}

function fact(name: string, value: string | null): string {
  return value === null || value === '' ? '' : `${paintOut.dim(name.padEnd(12))}${visible(value)}\n`;
}

function operationCells(operation: OperationRecord): string[] {
  const text = operation.text.replace(/\s+/g, ' ').trim();
  const took = operation.durationUs === null ? '' : `${(operation.durationUs / 1000).toFixed(1)} ms`;
  const verdict = operation.verdict === 'allow' ? operation.status : 'denied';
  return [
    String(operation.sequence),
    operation.at.slice(11, 23),
    operation.rule === null ? verdict : `${verdict} (${operation.rule})`,
    operation.rows === null ? '' : String(operation.rows),
    maskedText(operation),
    took,
    text.length > 100 ? `${text.slice(0, 99)}…` : text,
  ];
}

/** Why it was refused, or undone: who denied it, or what of it no rule allows. Null: it was not, or nobody said. */
function refusalText({ verdict, reasons, status, message }: OperationRecord): string | null {
  if (verdict !== 'allow') return reasons[0] ?? null;
  return status === 'refused' ? message : null;
}

/** `12 ssn (partial), 3 email (clear by access/fraud), 1 ssn token resolved by access/desk`. */
function maskedText({ masked, resolved = [] }: OperationRecord): string {
  const by = (rule: string | null): string => (rule === null ? '' : ` by ${rule}`);
  return [
    ...masked.map(({ class: name, treatment, rule, values }) => `${values} ${name} (${treatment}${by(rule)})`),
    ...resolved.map(({ class: name, rule, values }) => `${counted(values, `${name} token`)} resolved${by(rule)}`),
  ].join(', ');
}

/** `apr_1 for operation 3: used, approved by bob, carol`. The data of an event is untrusted. */
function approvalText(data: Readonly<Record<string, unknown>>): string {
  const { request, operation, state, voters } = data;
  const names = Array.isArray(voters) ? voters.map((voter: unknown) => nameOf(voter)) : [];
  const what = typeof operation === 'number' ? ` for operation ${operation}` : '';
  return `${String(request)}${what}: ${String(state)}${names.length === 0 ? '' : `, approved by ${names.join(', ')}`}`;
}

const nameOf = (voter: unknown): string => (typeof voter === 'object' && voter !== null && 'name' in voter ? String(voter.name) : '?');

/** What the client recorded on its side; null: it was not to. */
function terminalText({ session, clientRecording: recording }: SessionDetail): string | null {
  if (session.clientRecording === undefined) return null;
  if (recording === undefined) return `${session.clientRecording}: MISSING, the gateway knows nothing of it`;
  const { id, state, problems } = recording;
  if (state === 'open') return `${id}: MISSING, the client has not uploaded it${recording.received > 0 ? ' as a whole' : ''}`;
  return `${id}: ${state}, uploaded; ${problems.length === 0 ? contentText(session.id, recording) : `DIFFERS: ${problems.join('; ')}`}`;
}

function contentText(session: string, { compared, uncompared }: ClientRecording): string {
  if (compared.includes(session)) return 'agrees with this record';
  const why = uncompared.find((each) => each.session === session)?.why;
  return `names the same sessions; content not compared${why === undefined ? '' : ` (${why})`}`;
}

/** The whole record of a session for people. @param terminal columns that it has */
export function renderSession(detail: SessionDetail, now: number, terminal?: number): string {
  const { session } = detail;
  const said = detail.endMessage === undefined ? '' : `: ${detail.endMessage}`;
  const end =
    session.endedAt === null
      ? 'live'
      : `${session.endedAt} (${session.endReason ?? 'unknown'}, after ${duration(Date.parse(session.endedAt) - Date.parse(session.startedAt))})${said}`;
  const facts = [
    fact('session', session.id),
    fact('who', `${session.name} (${session.kind}) ${session.issuer}#${session.subject}`),
    fact('acting for', session.onBehalfOf),
    fact(
      'target',
      `${session.target}${detail.account === undefined ? '' : ` as ${detail.account}`} (${session.protocol}, ${session.via}${detail.readOnly ? ', read-only connection' : ''})`,
    ),
    fact('from', [session.clientAddress, session.client].filter((part) => part !== null && part !== '').join(', ')),
    fact('reason', session.reason),
    fact('started', `${session.startedAt} (${relativeTime(session.startedAt, now)})`),
    fact('ended', end),
    fact(
      'operations',
      `${session.operations}, of which ${session.refused} refused; ${counted(session.rows, 'row')}, ${counted(session.bytesDown, 'byte')} delivered`,
    ),
    fact('content', session.content === 'kept' ? null : session.content === 'erased' ? 'erased; `gw audit search` says by whom' : 'expired'),
    fact('record', detail.intact ? 'complete and verified' : `NOT INTACT: ${detail.problems.join('; ')}`),
    fact('terminal', terminalText(detail)),
    ...detail.events.flatMap(({ kind, data }) => (kind === 'approval.answer' ? [fact('approval', approvalText(data))] : [])),
  ].join('');
  if (detail.operations.length === 0) return facts;
  const headers = ['#', 'AT (UTC)', 'OUTCOME', 'ROWS', 'MASKED', 'TOOK', 'TEXT'];
  return `${facts}\n${renderTable(headers, detail.operations.map(operationCells), paintOut, detail.operations.map(refusalText), terminal)}`;
}
