/** Who lives in the quickstart's world. The provider's accounts and clients, the pages, the tokens and the print all come from here. */

export interface Person {
  readonly name: string;
  readonly kind: 'person';
  readonly fullName: string;
  readonly email: string;
  readonly groups: readonly string[];
  /** One line for the login page. */
  readonly about: string;
}

export interface Machine {
  readonly name: string;
  readonly kind: 'service' | 'agent';
  readonly groups: readonly string[];
  /** Name of the person that answers for it, or null. */
  readonly owner: string | null;
  readonly about: string;
}

export const PEOPLE: readonly Person[] = [
  { name: 'alice', kind: 'person', fullName: 'Alice Moreno', email: 'alice@example.com', groups: ['engineers'], about: 'Engineer. May use bank-db and web-1.' },
  {
    name: 'bob',
    kind: 'person',
    fullName: 'Bob Lindqvist',
    email: 'bob@example.com',
    groups: ['dba'],
    about: 'Database administrator, and administrator of this gateway.',
  },
  {
    name: 'carol',
    kind: 'person',
    fullName: 'Carol Osei',
    email: 'carol@example.com',
    groups: ['auditors'],
    about: 'Auditor. Reads what others did; may not use bank-db and web-1.',
  },
];

export const MACHINES: readonly Machine[] = [
  { name: 'ci-bot', kind: 'service', groups: ['ci'], owner: null, about: 'Service account of the CI system.' },
  { name: 'ledger-agent', kind: 'agent', groups: ['agents'], owner: 'alice', about: 'AI agent that answers questions about the ledger, owned by alice.' },
];

/** The public client that `gw login` uses. An id token's audience is its client, so this must be the gateway's audience. */
export const LOGIN_CLIENT = 'gw';
/** Audience of every token for the gateway, a person's and a machine's. */
export const GATEWAY_AUDIENCE = 'gw';
/** Resource indicator by which a machine asks for a token of the gateway's; asked for or not, it gets one. */
export const GATEWAY_RESOURCE = 'urn:gw:gateway';
export const SCOPES = ['openid', 'profile', 'email', 'groups', 'offline_access'] as const;
/** Life of every token that the gateway sees, seconds. */
export const TOKEN_SECONDS = 3_600;

/** Claims that say what a machine is; the same in a real login and in `gw quickstart token`. */
export function machineClaims(machine: Machine): Record<string, string | readonly string[]> {
  return {
    preferred_username: machine.name,
    kind: machine.kind,
    groups: machine.groups,
    client_id: machine.name,
    ...(machine.owner === null ? {} : { owner: machine.owner }),
  };
}

/** How people log in here (RFC 8176, `user`): somebody was there, and no more was asked. */
export const PRESENCE = ['user'];

/** Claims that say who a person is. */
export function personClaims(person: Person): Record<string, string | boolean | readonly string[]> {
  return {
    preferred_username: person.name,
    name: person.fullName,
    email: person.email,
    email_verified: true,
    groups: person.groups,
    kind: person.kind,
  };
}
