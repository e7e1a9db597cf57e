/**
 * An entry of the log as an event of the Open Cybersecurity Schema Framework, version 1.8.0, with the profile `security_control`. Nothing is lost: fields
 * that have no place of their own stand in `unmapped`, and `metadata` says which entry of which log it is. Pure.
 */
import type { AuditEntry } from '../../../contract/audit-entry.js';
import { type EventWeight, eventWeight } from '../event-weight.js';
import type { SensitiveFields } from '../native-record.js';
import { ACTIONS, ocsfMapping } from './ocsf-classes.js';
import { only, textOf } from './ocsf-parts.js';

const VERSION = '1.8.0';
const SEVERITY: Readonly<Record<EventWeight, readonly [number, string]>> = {
  info: [1, 'Informational'],
  notice: [2, 'Low'],
  warning: [3, 'Medium'],
  alert: [4, 'High'],
};

/** @param product version of gw */
export function ocsfRecord({ log, n, time, kind, journal, data }: AuditEntry, sensitive: SensitiveFields, product: string): string {
  const of = ocsfMapping(kind);
  const place = `${log}#${n}`;
  const [severityId, severity] = SEVERITY[eventWeight(kind)];
  const finding = of.class.category === 2;
  const event = {
    metadata: {
      version: VERSION,
      product: { name: 'gw', vendor_name: 'gw', version: product },
      profiles: ['security_control'],
      uid: place,
      log_name: log,
      sequence: n,
      event_code: kind,
      original_time: time,
    },
    time: Date.parse(time),
    category_uid: of.class.category,
    class_uid: of.class.uid,
    class_name: of.class.name,
    activity_id: of.activity,
    activity_name: of.activityName,
    type_uid: of.class.uid * 100 + of.activity,
    severity_id: severityId,
    severity,
    status_id: of.status,
    status: finding ? 'New' : of.status === 1 ? 'Success' : 'Failure',
    status_code: textOf(data['code']),
    status_detail: textOf(sensitive?.['reason'] ?? sensitive?.['comment'] ?? sensitive?.['message'] ?? data['problem']),
    action_id: ACTIONS[of.action],
    action: of.action,
    disposition_id: of.disposition,
    message: kind,
    ...of.parts({ data, sensitive: sensitive ?? {} }, place),
    unmapped: { ...data, journal, ...(sensitive === null ? {} : { sensitive }) },
  };
  return JSON.stringify(only(event));
}
