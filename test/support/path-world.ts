/**
 * The path in this process, on free ports, in front of a real server: real island, real policy, real journal. Only the identity provider
 * is left out: a token is the name of a person. Suites that need the whole gateway use the quickstart.
 */

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { createAuditLog } from '../../src/audit/index.js';
import { systemClock } from '../../src/base/clock.js';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import type { ApprovalDoor } from '../../src/contract/approval.js';
import type { PolicySet } from '../../src/contract/decision.js';
import { GwError } from '../../src/contract/gw-error.js';
import type { DeviceLogins, Identity, IdentityPasses } from '../../src/contract/identity.js';
import type { InheritedTagStore } from '../../src/contract/inherited-tags.js';
import type { Protocol } from '../../src/contract/protocol.js';
import type { Journal } from '../../src/contract/recording.js';
import type { Bus, BusEvent, SessionStore, SubjectStore } from '../../src/contract/session-store.js';
import type { Target } from '../../src/contract/target.js';
import { createIdentityPasses } from '../../src/identity/index.js';
import { loadPolicy } from '../../src/policy/index.js';
import { postgres } from '../../src/protocols/postgres/index.js';
import { openJournal } from '../../src/recording/index.js';
import { createPath, type Path, type PathLimits } from '../../src/session/index.js';
import { dial } from '../../src/targets/index.js';
import { TUNNEL_ALPN } from '../../src/tunnel/frame.js';
import { maskingForTests } from './masking.js';
import { silentTrail } from './silent-trail.js';

const OPEN_POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

export interface PathWorldOptions {
  /** A null password: the gateway holds no password for the target. */
  readonly server: {
    readonly port: number;
    readonly username: string;
    readonly password: string | null;
    readonly database?: string;
    readonly key?: string;
    readonly principals?: readonly string[];
  };
  /** Another protocol than PostgreSQL, whose target has another name. */
  readonly island?: { readonly protocol: Protocol; readonly target: string };
  readonly policy?: string;
  readonly options?: Record<string, unknown>;
  readonly durability?: Target['durability'];
  readonly limits?: Partial<PathLimits>;
  readonly certificate?: { readonly cert: string; readonly key: string };
  readonly logger?: Logger;
  readonly port?: number;
  readonly resultCap?: number;
  readonly approvals?: ApprovalDoor;
  readonly inheritedTags?: InheritedTagStore;
  readonly deviceLogins?: DeviceLogins;
  /** What it shares with another world, as the processes of one deployment do. */
  readonly bus?: Bus;
  /** Puts something over the policy: a demand for approval. */
  readonly wrapPolicy?: (set: PolicySet) => PolicySet;
  /** Puts something between the path and its journal: a disk that fails, or is slow. */
  readonly wrapJournal?: (journal: Journal) => Journal;
}

export interface PathWorld extends AsyncDisposable {
  readonly path: Path;
  readonly port: number;
  readonly tlsPort: number | null;
  readonly journalDir: string;
  readonly bootId: string;
  readonly sessions: string[];
  readonly passes: IdentityPasses;
  /** Null: the protocol has none. */
  readonly authorities: { readonly clients: Secret; readonly targets: Secret } | null;
  /** What clients are told to expect of the gateway, for protocols in which it has a key of its own. */
  readonly serverKey: string | null;
  identities: Map<string, Partial<Identity>>;
  /** `issuer#subject` of everyone whom the store calls locked. */
  readonly locked: Set<string>;
  /** Tokens that the authenticator refuses with this error instead of its usual one. */
  readonly refusals: Map<string, GwError>;
  setPolicy(text: string): void;
  /** Digest of the policy in force. */
  readonly policy: string;
  readonly bus: { publish(event: BusEvent): Promise<void> };
  url(token: string): string;
}

export async function startPathWorld(options: PathWorldOptions): Promise<PathWorld> {
  const { protocol, target: targetName } = options.island ?? { protocol: postgres, target: 'bank-db' };
  await protocol.prepare();
  const journalDir = await mkdtemp(join(tmpdir(), 'gw-path-'));
  const logger = options.logger ?? silentLogger;
  const bootId = 'wrk-test';
  const journal = await openJournal({
    dir: journalDir,
    gateway: 'test',
    bootId,
    clock: systemClock,
    logger,
    ...(options.resultCap === undefined ? {} : { resultCap: options.resultCap }),
  });
  const used = options.wrapJournal?.(journal) ?? journal;
  const wrap = options.wrapPolicy ?? ((set: PolicySet): PolicySet => set);
  let policy: PolicySet = wrap(loadPolicy([{ path: 'policy/test.yaml', text: options.policy ?? OPEN_POLICY }], [protocol.descriptor]));
  const target: Target = {
    name: targetName,
    protocol: protocol.kind,
    host: '127.0.0.1',
    port: options.server.port,
    account: options.server.username,
    accounts: options.server.principals === undefined ? 'own' : 'named',
    description: '',
    labels: {},
    options: protocol.parseOptions(
      options.island === undefined ? { database: options.server.database, databases: ['*'], tls: { mode: 'disable' }, ...options.options } : options.options,
      '/',
    ),
    durability: options.durability ?? 'batch',
    credential: () =>
      Promise.resolve({
        username: options.server.username,
        principals: options.server.principals ?? null,
        password: options.server.password === null ? null : new Secret(options.server.password),
        ...(options.server.key === undefined ? {} : { key: new Secret(options.server.key) }),
      }),
  };
  const bus = options.bus ?? busForTests();
  const sessions: string[] = [];
  const identities = new Map<string, Partial<Identity>>();
  const refusals = new Map<string, GwError>();
  const store = {
    started: (start) => void sessions.push(start.session),
    progress: () => undefined,
    ended: () => undefined,
    find: () => Promise.resolve(null),
    list: () => Promise.resolve([]),
    flush: () => Promise.resolve(),
  } satisfies SessionStore;
  const locked = new Set<string>();
  const subjects = { isLocked: (issuer, subject) => Promise.resolve(locked.has(`${issuer}#${subject}`)) } as Pick<SubjectStore, 'isLocked'> as SubjectStore;
  const secureContext = options.certificate === undefined ? null : tls.createSecureContext(options.certificate);
  const serverIdentity = protocol.serverIdentity?.generate() ?? null;
  const authorities =
    protocol.authorities === null
      ? null
      : { clients: new Secret(protocol.authorities.clients.generate()), targets: new Secret(protocol.authorities.targets.generate()) };
  const passes = createIdentityPasses({
    key: new Secret<Uint8Array>(randomBytes(32)),
    clock: systemClock,
    trusts: (issuer) => issuer === 'test',
    isLocked: (issuer, subject) => Promise.resolve(locked.has(`${issuer}#${subject}`)),
  });
  const path = createPath({
    gateway: 'test',
    workerId: bootId,
    protocols: new Map([[protocol.kind, protocol]]),
    authenticator: {
      verify: (token) => {
        const person = /^token-(\w+)$/.exec(token)?.[1];
        if (person === undefined) return Promise.reject(refusals.get(token) ?? new GwError('login.token_invalid', 'The token is not valid.'));
        return Promise.resolve({
          issuer: 'test',
          subject: person,
          kind: 'person',
          name: person,
          email: null,
          emailVerified: false,
          groups: ['engineers'],
          onBehalfOf: null,
          claims: {},
          expiresAt: Date.now() + 3_600_000,
          ...identities.get(person),
        } satisfies Identity);
      },
    },
    policy: { current: () => policy },
    masking: maskingForTests(),
    targets: { get: (name) => (name === target.name ? target : undefined) },
    dial,
    journal: used,
    audit: createAuditLog(used, silentTrail),
    journalId: bootId,
    sessions: store,
    subjects,
    approvals: options.approvals ?? null,
    inheritedTags: options.inheritedTags ?? null,
    clientRecordings: { admit: () => Promise.reject(new GwError('recording.unknown', 'There is none here.')) },
    bus,
    tlsContext: () => {
      if (secureContext === null) throw new GwError('config.invalid', 'no certificate');
      return secureContext;
    },
    discovery: { openidConfiguration: 'https://issuer.example/.well-known/openid-configuration', scope: 'openid' },
    passes,
    deviceLogins: options.deviceLogins ?? { possible: false, begin: () => Promise.reject(new GwError('login.required', 'Not here.')) },
    authorities: new Map(authorities === null ? [] : [[protocol.kind, authorities]]),
    serverIdentities: new Map(serverIdentity === null ? [] : [[protocol.kind, new Secret(serverIdentity)]]),
    limits: {
      preLoginConnections: 256,
      preLoginPerAddress: 256,
      handshakeTimeoutMs: 10_000,
      maxSessions: 2_000,
      idleTimeoutMs: 3_600_000,
      sessionTimeoutMs: 3_600_000,
      loginFailuresPerMinute: 1_000,
      statementBytes: 262_144,
      ...options.limits,
    },
    clock: systemClock,
    logger,
  });
  const native = net.createServer({ noDelay: true }, (socket) => path.acceptNative(protocol.kind, socket, { plaintextLoopback: true }));
  await new Promise<void>((resolve) => native.listen(options.port ?? 0, '127.0.0.1', resolve));
  let tunnel: tls.Server | null = null;
  if (options.certificate !== undefined) {
    tunnel = tls.createServer({ ...options.certificate, ALPNProtocols: [TUNNEL_ALPN], noDelay: true }, (socket) => path.acceptTunnel(socket));
    await new Promise<void>((resolve) => tunnel?.listen(0, '127.0.0.1', resolve));
  }
  const port = (native.address() as net.AddressInfo).port;
  return {
    path,
    port,
    tlsPort: tunnel === null ? null : (tunnel.address() as net.AddressInfo).port,
    journalDir,
    bootId,
    sessions,
    serverKey: serverIdentity === null ? null : (protocol.serverIdentity?.describe(serverIdentity) ?? null),
    passes,
    authorities,
    identities,
    locked,
    refusals,
    bus,
    get policy() {
      return policy.digest;
    },
    setPolicy: (text) => {
      policy = wrap(loadPolicy([{ path: 'policy/test.yaml', text }], [protocol.descriptor]));
    },
    url: (token) => `postgresql://bank-db:${token}@127.0.0.1:${port}/bank-db?sslmode=disable`,
    [Symbol.asyncDispose]: async () => {
      native.close();
      tunnel?.close();
      await path.drain(0);
      await journal.close();
      await rm(journalDir, { recursive: true, force: true });
    },
  };
}

/** Delivers at once, in this process. */
export function busForTests(): Bus {
  const listeners: ((event: BusEvent) => void)[] = [];
  return {
    publish: (event) => {
      for (const listener of listeners) listener(event);
      return Promise.resolve();
    },
    subscribe: (listener) => void listeners.push(listener),
  };
}
