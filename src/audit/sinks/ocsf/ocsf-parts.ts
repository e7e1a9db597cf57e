/** Objects of OCSF 1.8.0 out of the fields of an entry. Pure; fields are taken for what they are, and left out when they are none. */
import type { SensitiveFields } from '../native-record.js';

/** The public fields of an entry, and the sensitive ones that the sink may have. */
export interface OcsfSource {
  readonly data: Readonly<Record<string, unknown>>;
  readonly sensitive: NonNullable<SensitiveFields>;
}

export type OcsfObject = Readonly<Record<string, unknown>>;

const USER_TYPES: Readonly<Record<string, { readonly type_id: number; readonly type: string }>> = {
  person: { type_id: 1, type: 'User' },
  service: { type_id: 4, type: 'Service' },
  agent: { type_id: 99, type: 'Agent' },
};
const UNKNOWN_USER: OcsfObject = { name: 'Unknown', type_id: 0, type: 'Unknown' };

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** An object without the members that are undefined. */
export function only(members: Readonly<Record<string, unknown>>): OcsfObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function userOf(subject: unknown, issuer: unknown, kind: unknown, name: unknown, more: OcsfObject = {}): OcsfObject {
  const uid = textOf(subject);
  if (uid === undefined) return UNKNOWN_USER;
  const type = USER_TYPES[textOf(kind) ?? ''] ?? { type_id: 0, type: 'Unknown' };
  return only({ uid, name: textOf(name), domain: textOf(issuer), ...type, ...more });
}

/** Whose session begins. */
export function sessionUser({ data, sensitive }: OcsfSource): OcsfObject {
  const groups = Array.isArray(sensitive['groups']) ? sensitive['groups'].filter((each): each is string => typeof each === 'string') : [];
  const more = only({ email_addr: textOf(sensitive['email']), groups: groups.length === 0 ? undefined : groups.map((name) => ({ name })) });
  return userOf(data['subject'] ?? data['sessionSubject'], data['issuer'] ?? data['sessionIssuer'], data['kind'], sensitive['name'], more);
}

export function requester({ data, sensitive }: OcsfSource): OcsfObject {
  return userOf(data['requesterSubject'], data['requesterIssuer'], undefined, sensitive['requesterName']);
}

/** Who is acted upon. */
export function subjectUser({ data }: OcsfSource): OcsfObject {
  return userOf(data['subject'], data['issuer'], undefined, undefined);
}

export function actor({ data, sensitive }: OcsfSource): OcsfObject {
  return { user: userOf(data['actorSubject'], data['actorIssuer'], data['actorKind'], sensitive['actorName']) };
}

export function session({ data }: OcsfSource): OcsfObject | undefined {
  const uid = textOf(data['session']);
  return uid === undefined ? undefined : only({ uid, issuer: textOf(data['issuer'] ?? data['sessionIssuer']), is_remote: true });
}

/** True where the methods of the login (RFC 8176) name several factors; else undefined: a provider that does not name them may have asked for them. */
export function usedFactors({ data }: OcsfSource): true | undefined {
  return textOf(data['amr'])?.split(' ').includes('mfa') === true ? true : undefined;
}

/** Where somebody came from; undefined: the sink has no addresses. */
export function source({ sensitive }: OcsfSource): OcsfObject | undefined {
  const address = textOf(sensitive['clientAddress'] ?? sensitive['address']);
  if (address === undefined) return undefined;
  const [, bracketed, host = '', port] = /^(?:\[([^\]]+)\]|([^:]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*?))(?::(\d{1,5}))?$/.exec(address) ?? [];
  const ip = bracketed ?? host;
  return /^[0-9a-fA-F:.]+$/.test(ip) ? only({ ip, port: port === undefined ? undefined : Number(port) }) : { name: address.slice(0, 255) };
}

export function policy({ data }: OcsfSource): OcsfObject | undefined {
  const [uid, name] = [textOf(data['policy'] ?? data['after']), textOf(data['rule'])];
  return uid === undefined && name === undefined ? undefined : only({ uid, name });
}

/** What is reached through the gateway. */
export function service({ data }: OcsfSource): OcsfObject {
  return { name: textOf(data['target']) ?? 'gw' };
}

export function resource({ data }: OcsfSource): OcsfObject {
  return { name: textOf(data['target']) ?? 'gw', type: 'target' };
}
