/** Session starts and ends for tests. */

import { newId } from '../../src/base/id.js';
import type { IndexedOperation } from '../../src/contract/operation-index.js';
import type { SessionEnd, SessionStart } from '../../src/contract/recording.js';

export function sessionStart(overrides: Partial<SessionStart> & { readonly name?: string } = {}): SessionStart {
  const { name = 'alice', ...rest } = overrides;
  return {
    session: newId('s'),
    startedAt: Date.parse('2026-01-02T03:04:05.678Z'),
    gateway: 'test',
    identity: {
      issuer: 'https://idp.test',
      subject: `sub-${name}`,
      kind: 'person',
      name,
      email: `${name}@example.test`,
      groups: ['engineers'],
      onBehalfOf: null,
    },
    target: 'bank-db',
    protocol: 'postgres',
    via: 'tunnel',
    clientAddress: '127.0.0.1',
    reason: 'ticket 42',
    client: 'psql',
    decision: { effect: 'allow', rule: 'p/r', policy: 'sha256:00', reasons: [], hint: null },
    ...rest,
  };
}

export function sessionEnd(overrides: Partial<SessionEnd> = {}): SessionEnd {
  return {
    endedAt: Date.parse('2026-01-02T04:04:05.678Z'),
    reason: 'client',
    message: null,
    operations: 3,
    refused: 1,
    rows: 20,
    bytesUp: 300,
    bytesDown: 4_000,
    ...overrides,
  };
}

/** An operation as the index holds it. */
export function indexedOperation(overrides: Partial<IndexedOperation> = {}): IndexedOperation {
  return {
    session: 'ses_1',
    sequence: 1,
    at: '2026-11-26T10:00:00.000Z',
    issuer: 'https://issuer.test',
    subject: 'sub-alice',
    name: 'alice',
    onBehalfOf: null,
    target: 'bank-db',
    verdict: 'allow',
    asked: false,
    status: 'ok',
    rule: 'r',
    kinds: ['select'],
    relations: [],
    masked: [],
    rows: 1,
    text: 'select 1',
    ...overrides,
  };
}
