/**
 * Every kind of entry as an event of OCSF 1.8.0, held against the published schema of its class (test/formats/ocsf-1.8.0), with and without
 * sensitive fields. The schemas allow no member that the class does not have.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { AUDIT_EVENTS, type FieldClass } from '../../src/audit/audit-events.js';
import { LOG_EVENTS } from '../../src/audit/log-events.js';
import { ocsfMapping } from '../../src/audit/sinks/ocsf/ocsf-classes.js';
import { ocsfRecord } from '../../src/audit/sinks/ocsf/ocsf-record.js';

const EVENTS: Readonly<Record<string, Readonly<Record<string, FieldClass>>>> = { ...AUDIT_EVENTS, ...LOG_EVENTS };
const KINDS = Object.keys(EVENTS);
/** What a SIEM is there for always has a class of its own. */
const NEVER_BASE = /^(session|login|subject|approval|grant|operation|data|policy|gateway|log|sink)\./;

const VALUES: Readonly<Record<string, unknown>> = {
  actorKind: 'person',
  kind: 'agent',
  address: '10.1.2.3',
  clientAddress: '[2001:db8::7]:50123',
  groups: ['dba', 'engineers'],
  email: 'alice@bank.test',
  number: 7,
  operation: 3,
  values: [{ class: 'ssn', treatment: 'mask', rule: 'r', values: 2 }],
  anchors: [],
  keys: ['k'],
};

let validators: Map<number, ValidateFunction>;

beforeAll(() => {
  const packed = readFileSync(new URL('../formats/ocsf-1.8.0/classes.json.gz', import.meta.url));
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  const schemas = JSON.parse(gunzipSync(packed).toString('utf8')) as Record<string, object>;
  const classes = [...new Set([0, ...KINDS.map((kind) => ocsfMapping(kind).class.uid)])];
  expect(classes.filter((uid) => !Object.hasOwn(schemas, String(uid)))).toEqual([]);
  validators = new Map(Object.entries(schemas).map(([uid, schema]) => [Number(uid), ajv.compile(schema)]));
});

function fieldsOf(kind: string, fieldClass: FieldClass): Record<string, unknown> {
  const names = Object.entries(EVENTS[kind] ?? {}).filter(([, each]) => each === fieldClass);
  return Object.fromEntries(names.map(([name]) => [name, VALUES[name] ?? `the ${name}`]));
}

function event(kind: string, withSensitive: boolean, data = fieldsOf(kind, 'public')): Record<string, unknown> {
  const entry = { log: 'bank/0', n: 41, time: '2026-03-01T12:00:00.123Z', kind, journal: 'wrk_a', data };
  return JSON.parse(ocsfRecord(entry, withSensitive ? fieldsOf(kind, 'sensitive') : null, '1.2.3')) as Record<string, unknown>;
}

function faults(of: Record<string, unknown>): unknown {
  const validate = validators.get(of['class_uid'] as number);
  if (validate === undefined) return 'no schema';
  return validate(of) ? [] : validate.errors?.map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
}

describe('an OCSF event', () => {
  it.each(KINDS)('of the kind %s is valid, whole or with nothing but what must be there', (kind) => {
    for (const withSensitive of [false, true]) {
      const whole = event(kind, withSensitive);
      expect(faults(whole)).toEqual([]);
      expect(whole).toMatchObject({ metadata: { uid: 'bank/0#41', sequence: 41, event_code: kind }, time: Date.parse('2026-03-01T12:00:00.123Z') });
      expect(whole['type_uid']).toBe((whole['class_uid'] as number) * 100 + (whole['activity_id'] as number));
      expect(whole['unmapped']).toMatchObject(fieldsOf(kind, 'public'));
    }
    expect(faults(event(kind, false, {}))).toEqual([]);
  });

  it('holds what is sensitive only where the sink may have it', () => {
    for (const kind of KINDS) {
      const text = JSON.stringify(event(kind, false));
      for (const value of Object.values(fieldsOf(kind, 'sensitive'))) expect([kind, text.includes(JSON.stringify(value))]).toEqual([kind, false]);
    }
    expect(event('session.start', true)).toMatchObject({
      class_uid: 3002,
      activity_id: 1,
      action_id: 1,
      user: { uid: 'the subject', name: 'the name', email_addr: 'alice@bank.test', type: 'Agent', groups: [{ name: 'dba' }, { name: 'engineers' }] },
      src_endpoint: { ip: '2001:db8::7', port: 50123 },
      service: { name: 'the target' },
      session: { uid: 'the session' },
    });
  });

  it('says what a SIEM sorts by: refused, masked, approved, locked', () => {
    expect(event('operation.deny', false)).toMatchObject({ class_uid: 2004, action_id: 2, disposition_id: 2, severity_id: 3, policy: { name: 'the rule' } });
    for (const kind of ['session.start', 'operation.deny', 'data.clear', 'approval.hold', 'approval.use'])
      expect(event(kind, false), kind).toMatchObject({ unmapped: { assurance: 'the assurance' } });
    for (const [amr, is] of [
      ['pwd otp mfa', true],
      ['mfa', true],
      ['pwd', undefined],
      ['mfax', undefined],
    ] as const)
      expect([amr, event('session.start', false, { amr })['is_mfa']]).toEqual([amr, is]);
    expect(event('data.masked', false)).toMatchObject({ class_uid: 2006, action_id: 4 });
    expect(event('approval.approve', false)).toMatchObject({ class_uid: 3005, activity_id: 1, actor: { user: { uid: 'the actorSubject' } } });
    expect(event('approval.break_glass', false)).toMatchObject({ severity_id: 4 });
    expect(event('subject.lock', false)).toMatchObject({ class_uid: 3001, activity_id: 9, user: { uid: 'the subject' } });
    expect(event('login.refused', true)).toMatchObject({ class_uid: 3002, status_id: 2, status_code: 'the code', src_endpoint: { ip: '10.1.2.3' } });
  });

  it('of a kind that nobody mapped is a base event with all that is public', () => {
    expect(KINDS.filter((kind) => NEVER_BASE.test(kind) && ocsfMapping(kind).class.uid === 0)).toEqual([]);
    const unknown = event('some.thing', false, { what: 'new' });
    expect(faults(unknown)).toEqual([]);
    expect(unknown).toMatchObject({ class_uid: 0, activity_name: 'some.thing', unmapped: { what: 'new' } });
    expect(faults({ ...unknown, invented: 1 })).not.toEqual([]);
  });
});
