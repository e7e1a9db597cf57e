/**
 * The schema of audit events: every kind with its fields, and every field with its class. Pure data.
 * public     may be shown to anyone who may read the log
 * sensitive  about a person or free text; kept apart, so that a sink or an export can leave it out
 * secret     never written
 * A field that is not listed counts as secret: forgetting to classify loses a field, it never leaks one.
 */
export type FieldClass = 'public' | 'sensitive' | 'secret';

export type AuditFields = Readonly<Record<string, FieldClass>>;

/** Who did it and through which request; part of every event. `actorAmr`, `actorAcr`: how the login was authenticated, where the identity provider says it. */
const ACTOR = {
  actorIssuer: 'public',
  actorSubject: 'public',
  actorKind: 'public',
  actorAmr: 'public',
  actorAcr: 'public',
  actorName: 'sensitive',
  onBehalfOf: 'sensitive',
  address: 'sensitive',
  request: 'public',
} as const satisfies AuditFields;

const SESSION = { session: 'public', target: 'public', sessionIssuer: 'public', sessionSubject: 'public' } as const satisfies AuditFields;
const HOLD = { hold: 'public', scope: 'public', value: 'public', holdIssuer: 'public' } as const satisfies AuditFields;
const SUBJECT = { issuer: 'public', subject: 'public' } as const satisfies AuditFields;

/** One request for approval: the same fields in every event about it, so that a register can be made out of them. */
const APPROVAL = {
  approval: 'public',
  approvalKind: 'public',
  target: 'public',
  requesterIssuer: 'public',
  requesterSubject: 'public',
  requesterName: 'sensitive',
  session: 'public',
  digest: 'public',
  policy: 'public',
  rule: 'public',
  reason: 'sensitive',
  ticket: 'sensitive',
  /** Of an operation: what a decision on it is worth. */
  assurance: 'public',
} as const satisfies AuditFields;

export const AUDIT_EVENTS = {
  'session.kill': { ...ACTOR, ...SESSION, reason: 'sensitive' },
  /** What the session recorded is unreadable from here on. */
  'session.erase': { ...ACTOR, ...SESSION, reason: 'sensitive' },
  /** Somebody had all records looked at for what is over. */
  'retention.request': { ...ACTOR, dryRun: 'public' },
  /** Records that are kept whatever retention and erasure say, until the release. */
  'hold.add': { ...ACTOR, ...HOLD, reason: 'sensitive' },
  'hold.release': { ...ACTOR, ...HOLD, reason: 'sensitive' },
  'session.renew': { ...ACTOR, ...SESSION, expiresAt: 'public' },
  'subject.lock': { ...ACTOR, ...SUBJECT, reason: 'sensitive' },
  'subject.unlock': { ...ACTOR, ...SUBJECT, reason: 'sensitive' },
  /** Asked ahead of time. */
  'approval.request': { ...ACTOR, ...APPROVAL, grantSeconds: 'public' },
  'approval.approve': { ...ACTOR, ...APPROVAL, comment: 'sensitive' },
  'approval.deny': { ...ACTOR, ...APPROVAL, comment: 'sensitive' },
  /** Taken back by its requester, or by the gateway for a client that left. */
  'approval.cancel': { ...ACTOR, ...APPROVAL, comment: 'sensitive' },
  /** An operation or a session waits for people. */
  'approval.hold': APPROVAL,
  /** An approval is about to be spent. */
  'approval.use': APPROVAL,
  'approval.expire': APPROVAL,
  /** Somebody went past approval, where policy permits it; it has to be reviewed. */
  'approval.break_glass': APPROVAL,
  'approval.review': { ...ACTOR, ...APPROVAL, comment: 'sensitive', accepted: 'public' },
  'grant.use': APPROVAL,
  'grant.revoke': { ...ACTOR, ...APPROVAL, comment: 'sensitive' },
  /** Somebody read the record of a session, or a list of other people's sessions. */
  'log.read': { ...ACTOR, ...SESSION, what: 'public' },
  /** Evidence of a period, or of one session, went out as a pack. */
  'evidence.export': { ...ACTOR, ...SESSION, framework: 'public', from: 'public', to: 'public' },
  /** For a pack, what was written up to then is sealed. */
  'evidence.seal': { worker: 'public', request: 'public' },
  /** A certificate for a native port, on the strength of a login. */
  'certificate.issue': { ...ACTOR, protocol: 'public', serial: 'public', targets: 'public', expiresAt: 'public' },
  /** A client begins to record its side of sessions. */
  'client_recording.begin': { ...ACTOR, recording: 'public', targets: 'public' },
  /** A piece of it was uploaded. */
  'client_recording.upload': { ...ACTOR, recording: 'public', offset: 'public', bytes: 'public' },
  /** All of it is there, says the client. */
  'client_recording.end': { ...ACTOR, recording: 'public', bytes: 'public', digest: 'public' },
  /**
   * What the gateway found it to be. `differs`: in what it is not what the gateway recorded, the first few; `differences`: how many there are;
   * `compared`: the sessions whose terminals it shows as the gateway recorded them.
   */
  'client_recording.judge': {
    ...ACTOR,
    recording: 'public',
    state: 'public',
    digest: 'public',
    createdAt: 'public',
    durationMs: 'public',
    differences: 'public',
    differs: 'public',
    compared: 'public',
  },
  'policy.read': { ...ACTOR, policy: 'public' },
  'policy.explain': { ...ACTOR, ...SUBJECT, target: 'public' },
  /** Columns of a target were looked at for what they hold. */
  'masking.scan': { ...ACTOR, target: 'public', rows: 'public' },
  'policy.simulate': { ...ACTOR, policy: 'public', since: 'public' },
  /** A call that the roles, or the state of a request for approval, do not allow: what it was to do was not done. */
  'api.denied': { ...ACTOR, approval: 'public', route: 'public', code: 'public' },
  /** A session that was not opened: one login, or without an address the number of those that are too many to be written singly. */
  'login.refused': { address: 'sensitive', via: 'public', code: 'public', message: 'sensitive', count: 'public', throttled: 'public' },
  'gateway.start': { gateway: 'public', version: 'public', worker: 'public', policy: 'public' },
  'gateway.stop': { gateway: 'public', worker: 'public', why: 'public' },
  'policy.change': { gateway: 'public', worker: 'public', before: 'public', after: 'public' },
  'policy.rejected': { gateway: 'public', worker: 'public', problem: 'public' },
  /** A sink does not take entries any more, and takes them again after so many seconds. */
  'sink.fail': { gateway: 'public', worker: 'public', sink: 'public', problem: 'public' },
  'sink.recover': { gateway: 'public', worker: 'public', sink: 'public', seconds: 'public', attempts: 'public' },
} as const satisfies Readonly<Record<string, AuditFields>>;

export type AuditKind = keyof typeof AUDIT_EVENTS;

export type AuditValue = string | number | boolean | null;

export type AuditData<Kind extends AuditKind> = { readonly [Field in keyof (typeof AUDIT_EVENTS)[Kind]]?: AuditValue };
