/**
 * What the log holds besides the audit events: sessions, sealed segments of journals, refused operations, clear reads, and the life of the log
 * itself. Fields are classed as those of audit events. Pure data.
 */
import type { AuditFields } from './audit-events.js';

const END = {
  reason: 'public',
  operations: 'public',
  refused: 'public',
  rows: 'public',
  bytesUp: 'public',
  bytesDown: 'public',
} as const satisfies AuditFields;

export const LOG_EVENTS = {
  /**
   * `number` counts the sessions of a journal from 1, without gaps. `recording`: what the client makes on its side; left out where it makes
   * none. `account`: as which account of the target, where policy says it. `assurance`: what its decisions are worth where an operation does not say it.
   * `amr`, `acr`: how the login was authenticated, where the identity provider says it.
   */
  'session.start': {
    session: 'public',
    number: 'public',
    issuer: 'public',
    subject: 'public',
    kind: 'public',
    target: 'public',
    protocol: 'public',
    via: 'public',
    readOnly: 'public',
    recording: 'public',
    account: 'public',
    assurance: 'public',
    policy: 'public',
    rule: 'public',
    amr: 'public',
    acr: 'public',
    name: 'sensitive',
    email: 'sensitive',
    groups: 'sensitive',
    onBehalfOf: 'sensitive',
    clientAddress: 'sensitive',
    reason: 'sensitive',
    client: 'sensitive',
  },
  /** `leaves`: how many leaves the session has, its start and this one included. */
  'session.end': { session: 'public', leaves: 'public', ...END, message: 'sensitive' },
  /** Its process ended without a word, or could not say that this leaf is there already. */
  'session.recovered': { session: 'public', journalOfSession: 'public', target: 'public', issuer: 'public', subject: 'public', ...END },
  /** Anchors every entry of a segment: what is proved under `root` is in the log. */
  'journal.segment': { journalOfSegment: 'public', segment: 'public', entries: 'public', root: 'public', final: 'public' },
  'operation.deny': { session: 'public', operation: 'public', form: 'public', policy: 'public', rule: 'public', assurance: 'public' },
  /** Sensitive data that was delivered as it is: number of values by class and rule. */
  'data.clear': { session: 'public', operation: 'public', values: 'public', assurance: 'public' },
  /** What a session masked in all: number of values by class, treatment and rule. */
  'data.masked': { session: 'public', values: 'public' },
  /** Who has a role on the gateway from here on, each `{issuer, group}` or `{issuer, subject}`; `more`: how many of them are not named. */
  'gateway.roles': { admins: 'public', auditors: 'public', more: 'public' },
  /** By what records expire from here on, milliseconds. `log`: the log itself; null: it is kept. */
  'retention.rules': { recordings: 'public', approvals: 'public', index: 'public', log: 'public', targets: 'public' },
  /** Its time is over: what the session recorded is unreadable from here on. `knownTime`: see docs/retention.md. */
  'session.expire': {
    session: 'public',
    journalOfSession: 'public',
    target: 'public',
    issuer: 'public',
    subject: 'public',
    endedAt: 'public',
    keepMs: 'public',
    knownTime: 'public',
  },
  /** The segments of a journal up to `through` are deleted: nothing in them could be read any more. */
  'journal.prune': { journalOfSegment: 'public', through: 'public', knownTime: 'public' },
  /** The entries before `first` of this log are deleted after this one. `holds`: those of which the entries go, that were released, and that are needed to judge what stays. */
  'log.prune': { first: 'public', keepMs: 'public', knownTime: 'public', holds: 'public' },
  /** How much time is known to have passed, and what one look at all records ended. */
  'retention.run': { knownTime: 'public', recordings: 'public', held: 'public', segments: 'public', index: 'public', approvals: 'public', entries: 'public' },
  /** A process begins to write. `keys`: who signs from here on. `anchors`: how far the other logs of this gateway are. */
  'log.open': { version: 'public', keys: 'public', rotation: 'public', due: 'public', anchors: 'public' },
  /** Other keys sign from here on, by the statement of this number. */
  'log.keys': { keys: 'public', rotation: 'public' },
  /** What the process before left without a checkpoint. */
  'log.recovered': { leaves: 'public', unreadableBytes: 'public' },
  /** The log lives. Another leaf comes before `due`, or the log has lost its tail. */
  'log.heartbeat': { due: 'public', anchors: 'public', own: 'public', rootOverLogs: 'public' },
  /** A checkpoint was timestamped (RFC 3161): its size, the time, who signed, and the SHA-256 of the response that is kept. */
  'log.timestamp': { size: 'public', time: 'public', authority: 'public', response: 'public' },
  /** The timestamp authority gives none, for the first time since it gave one. */
  'log.timestamp_failed': { why: 'public' },
  /** The process stops writing in order: nothing is due. `sessions`: how many it began. */
  'log.close': { sessions: 'public' },
} as const satisfies Readonly<Record<string, AuditFields>>;

export type LogEventKind = keyof typeof LOG_EVENTS;
export type LogData<Kind extends LogEventKind> = { readonly [Field in keyof (typeof LOG_EVENTS)[Kind]]?: unknown };
