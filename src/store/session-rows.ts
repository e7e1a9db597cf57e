/**
 * What waits to be written about one session, and the two statements that write many of them at once. Pure: rows and SQL, no connection.
 * Both statements may run twice with the same rows (a connection can die between commit and answer): counters only grow, and an ended
 * session never comes back to life.
 */
import type { SessionEnd, SessionStart } from '../contract/recording.js';
import type { SessionSummary } from '../contract/session-store.js';
import { storable, storableOrNull } from './storable-text.js';

export type Counters = Pick<SessionSummary, 'operations' | 'refused' | 'rows' | 'bytesUp' | 'bytesDown'>;

/** At most one for each session: what comes later is folded in, so the queue is bounded by the number of sessions. */
export interface PendingSession {
  readonly id: string;
  start: { readonly start: SessionStart; readonly journal: string } | null;
  counters: Counters | null;
  end: SessionEnd | null;
}

const COUNTERS = 'operations bigint, refused bigint, rows bigint, bytes_up bigint, bytes_down bigint';
const END = 'state text, ended_at timestamptz, end_reason text, end_message text';
const START =
  'id text, started_at timestamptz, issuer text, subject text, name text, kind text, on_behalf_of text, target text, protocol text, via text, client_address text, client text, reason text, gateway text, journal text, client_recording text';
const START_NAMES = START.split(', ')
  .map((column) => column.split(' ')[0])
  .join(', ');

const MERGE = (incoming: string): string => `operations = greatest(s.operations, ${incoming}.operations),
  refused = greatest(s.refused, ${incoming}.refused), rows = greatest(s.rows, ${incoming}.rows),
  bytes_up = greatest(s.bytes_up, ${incoming}.bytes_up), bytes_down = greatest(s.bytes_down, ${incoming}.bytes_down),
  state = ${incoming}.state, ended_at = ${incoming}.ended_at, end_reason = ${incoming}.end_reason, end_message = ${incoming}.end_message`;

export const INSERT_SESSIONS = `insert into gw.sessions as s (${START_NAMES}, operations, refused, rows, bytes_up, bytes_down, state, ended_at, end_reason, end_message)
select ${START_NAMES}, operations, refused, rows, bytes_up, bytes_down, state, ended_at, end_reason, end_message
from pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb) as r(${START}, ${COUNTERS}, ${END})
on conflict (id) do update set ${MERGE('excluded')} where s.state = 'live'`;

export const UPDATE_SESSIONS = `update gw.sessions as s set ${MERGE('r')}
from pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb) as r(id text, ${COUNTERS}, ${END})
where s.id = r.id and s.state = 'live'`;

const time = (milliseconds: number): string => new Date(milliseconds).toISOString();

function changing(pending: PendingSession): Record<string, unknown> {
  const { end } = pending;
  const counters = end ?? pending.counters;
  return {
    id: pending.id,
    operations: counters?.operations ?? 0,
    refused: counters?.refused ?? 0,
    rows: counters?.rows ?? 0,
    bytes_up: counters?.bytesUp ?? 0,
    bytes_down: counters?.bytesDown ?? 0,
    state: end === null ? 'live' : 'ended',
    ended_at: end === null ? null : time(end.endedAt),
    end_reason: end === null ? null : storable(end.reason),
    end_message: end === null ? null : storableOrNull(end.message),
  };
}

/** The row of `INSERT_SESSIONS` when the session's start waits too, otherwise of `UPDATE_SESSIONS`. */
export function rowOf(pending: PendingSession): Record<string, unknown> {
  if (pending.start === null) return changing(pending);
  const { start, journal } = pending.start;
  const { identity } = start;
  return {
    ...changing(pending),
    started_at: time(start.startedAt),
    issuer: storable(identity.issuer),
    subject: storable(identity.subject),
    name: storable(identity.name),
    kind: identity.kind,
    on_behalf_of: identity.onBehalfOf === null ? null : storable(identity.onBehalfOf.subject),
    target: start.target,
    protocol: start.protocol,
    via: start.via,
    client_address: storable(start.clientAddress),
    client: storableOrNull(start.client),
    reason: storableOrNull(start.reason),
    gateway: start.gateway,
    journal,
    client_recording: start.recording ?? null,
  };
}
