/**
 * Which class of OCSF 1.8.0 an entry of the log becomes, with what. One line for each kind; a kind that is not here becomes a base event, with all its
 * fields. Pure data and functions of one entry.
 */
import type { AuditKind } from '../../audit-events.js';
import type { LogEventKind } from '../../log-events.js';
import {
  actor,
  type OcsfObject,
  type OcsfSource,
  only,
  policy,
  requester,
  resource,
  service,
  session,
  sessionUser,
  source,
  subjectUser,
  textOf,
  usedFactors,
} from './ocsf-parts.js';

export interface OcsfClass {
  readonly uid: number;
  readonly name: string;
  readonly category: number;
}

export interface OcsfMapping {
  readonly class: OcsfClass;
  readonly activity: number;
  readonly activityName: string;
  /** 1 success, 2 failure; of a finding 1 new. */
  readonly status: number;
  /** What the gateway did (profile `security_control`). */
  readonly action: keyof typeof ACTIONS;
  readonly disposition?: number;
  /** The members that are the class's own. */
  readonly parts: (source: OcsfSource, place: string) => OcsfObject;
}

export const ACTIONS = { Allowed: 1, Denied: 2, Observed: 3, Modified: 4 } as const;

const AUTHENTICATION: OcsfClass = { uid: 3002, name: 'Authentication', category: 3 };
const AUTHORIZE_SESSION: OcsfClass = { uid: 3003, name: 'Authorize Session', category: 3 };
const ACCOUNT_CHANGE: OcsfClass = { uid: 3001, name: 'Account Change', category: 3 };
const USER_ACCESS: OcsfClass = { uid: 3005, name: 'User Access Management', category: 3 };
const ENTITY: OcsfClass = { uid: 3004, name: 'Entity Management', category: 3 };
const API: OcsfClass = { uid: 6003, name: 'API Activity', category: 6 };
const APPLICATION: OcsfClass = { uid: 6002, name: 'Application Lifecycle', category: 6 };
const DETECTION: OcsfClass = { uid: 2004, name: 'Detection Finding', category: 2 };
const DATA_SECURITY: OcsfClass = { uid: 2006, name: 'Data Security Finding', category: 2 };
const EVENT_LOG: OcsfClass = { uid: 1008, name: 'Event Log Activity', category: 1 };
const BASE: OcsfClass = { uid: 0, name: 'Base Event', category: 0 };

const OTHER = 99;
const SUCCESS = 1;
const FAILURE = 2;
const BLOCKED = 2;
const DELAYED = 14;
const REVOKED = 24;

const logon = (from: OcsfSource): OcsfObject =>
  only({
    user: sessionUser(from),
    service: service(from),
    session: session(from),
    src_endpoint: source(from),
    policy: policy(from),
    is_remote: true,
    is_mfa: usedFactors(from),
  });
const ofActor = (from: OcsfSource): OcsfObject => only({ ...logon(from), actor: actor(from) });
const access = (from: OcsfSource): OcsfObject =>
  only({
    user: requester(from),
    actor: textOf(from.data['actorSubject']) === undefined ? { user: requester(from) } : actor(from),
    privileges: [textOf(from.data['approvalKind']) ?? 'access'],
    resource: resource(from),
    policy: policy(from),
    src_endpoint: source(from),
  });
const authorized = (from: OcsfSource): OcsfObject =>
  only({ user: requester(from), privileges: [textOf(from.data['approvalKind']) ?? 'access'], session: session(from), policy: policy(from) });
const account = (from: OcsfSource): OcsfObject => only({ user: subjectUser(from), actor: actor(from), src_endpoint: source(from) });
/** The class demands an end point; without the addresses its name says so. */
const call = (operation: string) => (from: OcsfSource) =>
  only({
    actor: actor(from),
    api: only({
      operation: textOf(from.data['route']) ?? textOf(from.data['what']) ?? operation,
      request: { uid: textOf(from.data['request']) ?? 'unknown' },
      service: { name: 'gw' },
    }),
    src_endpoint: source(from) ?? { name: 'withheld' },
    resources: textOf(from.data['target']) === undefined ? undefined : [resource(from)],
    policy: policy(from),
  });
const finding = (title: string) => (from: OcsfSource, place: string) => only({ finding_info: { uid: place, title }, policy: policy(from) });
const application = (from: OcsfSource): OcsfObject =>
  only({ app: only({ name: 'gw', vendor_name: 'gw', version: textOf(from.data['version']), uid: textOf(from.data['worker']) }), policy: policy(from) });
const policyEntity = ({ data }: OcsfSource): OcsfObject => ({
  entity: only({ type: 'Policy', type_id: 5, uid: textOf(data['after'] ?? data['gateway']) ?? 'policy' }),
});
const ofLog = (_from: OcsfSource, place: string): OcsfObject => ({ log_name: place.slice(0, place.lastIndexOf('#')), log_provider: 'gw' });

function mapping(
  of: OcsfClass,
  [activity, activityName]: readonly [number, string],
  status: number,
  action: OcsfMapping['action'],
  parts: OcsfMapping['parts'],
  disposition?: number,
): OcsfMapping {
  return { class: of, activity, activityName, status, action, parts, ...(disposition === undefined ? {} : { disposition }) };
}

const assign = [1, 'Assign Privileges'] as const;
const read = [2, 'Read'] as const;
const other = (name: string) => [OTHER, name] as const;

const MAPPINGS: Readonly<Partial<Record<AuditKind | LogEventKind, OcsfMapping>>> = {
  'session.start': mapping(AUTHENTICATION, [1, 'Logon'], SUCCESS, 'Allowed', logon),
  'session.end': mapping(AUTHENTICATION, [2, 'Logoff'], SUCCESS, 'Observed', logon),
  'session.recovered': mapping(AUTHENTICATION, [2, 'Logoff'], FAILURE, 'Observed', logon),
  'session.kill': mapping(AUTHENTICATION, [2, 'Logoff'], SUCCESS, 'Denied', ofActor, REVOKED),
  'session.renew': mapping(AUTHENTICATION, other('Renew'), SUCCESS, 'Allowed', ofActor),
  'login.refused': mapping(AUTHENTICATION, [1, 'Logon'], FAILURE, 'Denied', logon, BLOCKED),
  'subject.lock': mapping(ACCOUNT_CHANGE, [9, 'Lock'], SUCCESS, 'Observed', account),
  'subject.unlock': mapping(ACCOUNT_CHANGE, [12, 'Unlock'], SUCCESS, 'Observed', account),
  'approval.request': mapping(USER_ACCESS, other('Request'), SUCCESS, 'Observed', access),
  'approval.hold': mapping(USER_ACCESS, other('Hold'), SUCCESS, 'Observed', access, DELAYED),
  'approval.approve': mapping(USER_ACCESS, assign, SUCCESS, 'Allowed', access),
  'approval.deny': mapping(USER_ACCESS, other('Deny'), FAILURE, 'Denied', access, BLOCKED),
  'approval.cancel': mapping(USER_ACCESS, other('Cancel'), SUCCESS, 'Observed', access),
  'approval.expire': mapping(USER_ACCESS, other('Expire'), FAILURE, 'Denied', access),
  'approval.review': mapping(USER_ACCESS, other('Review'), SUCCESS, 'Observed', access),
  'approval.break_glass': mapping(USER_ACCESS, assign, SUCCESS, 'Allowed', access),
  'approval.use': mapping(AUTHORIZE_SESSION, assign, SUCCESS, 'Allowed', authorized),
  'grant.use': mapping(AUTHORIZE_SESSION, assign, SUCCESS, 'Allowed', authorized),
  'grant.revoke': mapping(USER_ACCESS, [2, 'Revoke Privileges'], SUCCESS, 'Denied', access, REVOKED),
  'operation.deny': mapping(DETECTION, [1, 'Create'], SUCCESS, 'Denied', finding('An operation was refused by policy'), BLOCKED),
  'data.clear': mapping(DATA_SECURITY, [1, 'Create'], SUCCESS, 'Allowed', finding('Sensitive data was delivered in clear')),
  'data.masked': mapping(DATA_SECURITY, [1, 'Create'], SUCCESS, 'Modified', finding('Sensitive data was masked')),
  'api.denied': mapping(API, other('Call'), FAILURE, 'Denied', call('call'), BLOCKED),
  'log.read': mapping(API, read, SUCCESS, 'Allowed', call('read')),
  'evidence.export': mapping(API, read, SUCCESS, 'Allowed', call('evidence.export')),
  'policy.read': mapping(API, read, SUCCESS, 'Allowed', call('policy.read')),
  'policy.explain': mapping(API, read, SUCCESS, 'Allowed', call('policy.explain')),
  'policy.simulate': mapping(API, read, SUCCESS, 'Allowed', call('policy.simulate')),
  'masking.scan': mapping(API, read, SUCCESS, 'Allowed', call('masking.scan')),
  'policy.change': mapping(ENTITY, [3, 'Update'], SUCCESS, 'Observed', policyEntity),
  'policy.rejected': mapping(ENTITY, [3, 'Update'], FAILURE, 'Denied', policyEntity),
  'gateway.start': mapping(APPLICATION, [3, 'Start'], SUCCESS, 'Observed', application),
  'gateway.stop': mapping(APPLICATION, [4, 'Stop'], SUCCESS, 'Observed', application),
  'log.open': mapping(EVENT_LOG, [6, 'Start'], SUCCESS, 'Observed', ofLog),
  'log.close': mapping(EVENT_LOG, [7, 'Stop'], SUCCESS, 'Observed', ofLog),
  'log.recovered': mapping(EVENT_LOG, [8, 'Restart'], FAILURE, 'Observed', ofLog),
  'log.heartbeat': mapping(EVENT_LOG, other('Heartbeat'), SUCCESS, 'Observed', ofLog),
  'log.keys': mapping(EVENT_LOG, other('Keys'), SUCCESS, 'Observed', ofLog),
  'log.timestamp': mapping(EVENT_LOG, other('Timestamp'), SUCCESS, 'Observed', ofLog),
  'log.timestamp_failed': mapping(EVENT_LOG, other('Timestamp'), FAILURE, 'Observed', ofLog),
  'journal.segment': mapping(EVENT_LOG, [4, 'Archive'], SUCCESS, 'Observed', ofLog),
  'session.erase': mapping(API, [4, 'Delete'], SUCCESS, 'Allowed', call('session.erase')),
  'session.expire': mapping(EVENT_LOG, [2, 'Delete'], SUCCESS, 'Observed', ofLog),
  'journal.prune': mapping(EVENT_LOG, [2, 'Delete'], SUCCESS, 'Observed', ofLog),
  'log.prune': mapping(EVENT_LOG, [2, 'Delete'], SUCCESS, 'Observed', ofLog),
  'certificate.issue': mapping(API, [1, 'Create'], SUCCESS, 'Allowed', call('certificate.issue')),
  'hold.add': mapping(API, [1, 'Create'], SUCCESS, 'Allowed', call('hold.add')),
  'hold.release': mapping(API, [3, 'Update'], SUCCESS, 'Allowed', call('hold.release')),
  'retention.request': mapping(API, other('Call'), SUCCESS, 'Allowed', call('retention.request')),
  'gateway.roles': mapping(EVENT_LOG, other('Roles'), SUCCESS, 'Observed', ofLog),
  'retention.rules': mapping(EVENT_LOG, other('Retention'), SUCCESS, 'Observed', ofLog),
  'retention.run': mapping(EVENT_LOG, other('Retention'), SUCCESS, 'Observed', ofLog),
  'sink.fail': mapping(EVENT_LOG, [10, 'Disable'], FAILURE, 'Observed', ofLog),
  'sink.recover': mapping(EVENT_LOG, [9, 'Enable'], SUCCESS, 'Observed', ofLog),
};

export function ocsfMapping(kind: string): OcsfMapping {
  const known = Object.hasOwn(MAPPINGS, kind) ? MAPPINGS[kind as AuditKind] : undefined;
  return known ?? mapping(BASE, other(kind), SUCCESS, 'Observed', () => ({}));
}
