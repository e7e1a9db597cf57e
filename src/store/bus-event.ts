/**
 * Bus events as NOTIFY payloads (at most 8,000 bytes) and back. A payload may come from a gateway of another version, so what does not
 * have exactly the expected shape is refused, never half believed.
 */
import { z } from 'zod';
import { GwError } from '../contract/gw-error.js';
import type { BusEvent } from '../contract/session-store.js';
import { storable } from './storable-text.js';

/** PostgreSQL refuses payloads of 8,000 bytes and more. */
const PAYLOAD_LIMIT = 7_900;

type FieldType = 'string' | 'identity';

const identity = z.strictObject({
  issuer: z.string(),
  subject: z.string(),
  kind: z.enum(['person', 'service', 'agent']),
  name: z.string(),
  email: z.string().nullable(),
  emailVerified: z.boolean(),
  onBehalfOf: z.strictObject({ issuer: z.string().nullable(), subject: z.string(), verified: z.boolean() }).nullable(),
  expiresAt: z.number(),
  rights: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('whole'), groups: z.array(z.string()), claims: z.record(z.string(), z.unknown()) }),
    z.strictObject({ kind: z.literal('digest'), digest: z.string(), tokenClaims: z.record(z.string(), z.unknown()) }),
  ]),
});

/** Every kind with its fields. A new kind that is missing here does not compile. */
const FIELDS = {
  'session.kill': { session: 'string', by: 'string', reason: 'string' },
  'subject.locked': { issuer: 'string', subject: 'string', by: 'string', reason: 'string' },
  'session.renew': { session: 'string', identity: 'identity' },
  'session.cancel': { keyDigest: 'string' },
  'session.cancelled': { keyDigest: 'string' },
  'journal.seal': { request: 'string' },
  'approval.changed': { request: 'string', state: 'string' },
} as const satisfies { readonly [Kind in BusEvent['kind']]: Readonly<Record<Exclude<keyof Extract<BusEvent, { kind: Kind }>, 'kind'>, FieldType>> };

/** @throws GwError `usage.invalid` when the event is too long to travel. */
export function encodeBusEvent(event: BusEvent): string {
  // An identity travels as it is or not at all: what is cut out of it would be a right that changed. JSON escapes what is not storable.
  const payload = event.kind === 'session.renew' ? JSON.stringify(event) : storableJson(event);
  if (Buffer.byteLength(payload) > PAYLOAD_LIMIT) {
    throw new GwError('usage.invalid', `The event is longer than ${PAYLOAD_LIMIT} bytes.`, {
      hint: event.kind === 'session.renew' ? 'Connect again.' : 'Give a shorter reason.',
    });
  }
  return payload;
}

function storableJson(event: BusEvent): string {
  return JSON.stringify(event, (_key, value: unknown) => (typeof value === 'string' ? storable(value) : value));
}

/** @throws GwError `usage.invalid` */
export function decodeBusEvent(payload: string): BusEvent {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch (cause) {
    throw new GwError('usage.invalid', 'A bus event is not JSON.', { cause });
  }
  if (typeof value !== 'object' || value === null) throw new GwError('usage.invalid', 'A bus event is not an object.');
  const fields = value as Record<string, unknown>;
  const kind = fields['kind'];
  if (typeof kind !== 'string' || !Object.hasOwn(FIELDS, kind)) throw new GwError('usage.invalid', 'A bus event has an unknown kind.');
  const expected: Readonly<Record<string, FieldType>> = FIELDS[kind as BusEvent['kind']];
  for (const [name, type] of Object.entries(expected)) {
    const fits = type === 'identity' ? identity.safeParse(fields[name]).success : typeof fields[name] === type;
    if (!fits) throw new GwError('usage.invalid', `The bus event ${kind} has no ${type} ${name}.`);
  }
  return value as BusEvent;
}
