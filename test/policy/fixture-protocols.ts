/** Two small invented protocols, so that the tests of the language do not move when a real vocabulary grows. */
import type { Identity } from '../../src/contract/identity.js';
import type { Effect, Facts } from '../../src/contract/operation.js';
import type { ProtocolDescriptor } from '../../src/contract/protocol.js';

const client = { command: 'true', args: [], env: {}, url: '', install: [] };
const base = { defaultPort: 1, recording: 'sql', assurance: 'enforced' as const, client, factsOf: null };

const sql: ProtocolDescriptor = {
  ...base,
  kind: 'sql',
  title: 'SQL',
  actions: [
    { name: 'select', description: 'Reads rows.', facts: ['rows'] },
    { name: 'insert', description: 'Adds rows.', facts: [] },
    { name: 'delete', description: 'Removes rows.', facts: ['where', 'tags'] },
    { name: 'drop', description: 'Removes an object.', facts: ['cascade'] },
    { name: 'set', description: 'Changes a setting.', facts: [] },
    { name: 'unknown', description: 'Not understood.', facts: ['reason'] },
  ],
  facts: [
    { name: 'where', description: 'Effect of WHERE.', type: 'string', values: ['none', 'vacuous', 'effective', 'unknown'] },
    { name: 'rows', description: 'LIMIT.', type: 'number', values: null },
    { name: 'cascade', description: 'CASCADE.', type: 'boolean', values: null },
    { name: 'tags', description: 'Tags.', type: 'strings', values: ['a', 'b', 'c'] },
    { name: 'reason', description: 'Why not understood.', type: 'string', values: null },
  ],
  resources: { relation: ['schema', 'name'], setting: ['name'] },
  tagged: 'relation',
};

const shell: ProtocolDescriptor = {
  ...base,
  kind: 'shell',
  title: 'Shell',
  actions: [{ name: 'run', description: 'Runs a command.', facts: [] }],
  facts: [],
  resources: { command: ['name'] },
  tagged: null,
  accounts: true,
};

export const protocols = [sql, shell];

export function identity(overrides: Partial<Identity> = {}): Identity {
  return {
    issuer: 'https://login.bank.example',
    subject: 'u-alice',
    kind: 'person',
    name: 'alice',
    email: 'alice@bank.example',
    emailVerified: true,
    groups: ['engineers'],
    onBehalfOf: null,
    claims: {},
    expiresAt: 4102444800000,
    ...overrides,
  };
}

export const bankDb = { name: 'bank-db', protocol: 'sql', labels: { env: 'prod' } };

/** `relation`: `schema.name`, a `?` part is not known. */
export function effect(action: string, relation: string | null = null, facts: Effect['facts'] = {}, columns: readonly string[] | null = null): Effect {
  const resource = relation === null ? null : { type: 'relation', name: relation.split('.').map((part) => (part === '?' ? null : part)), columns };
  return { action, resource, facts };
}

export function factsOf(...effects: Effect[]): Facts {
  return { effects, unknown: [], summary: '', redacted: null };
}
