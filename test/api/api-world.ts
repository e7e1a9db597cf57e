/**
 * The API in this process, over plain HTTP on a free port: real store, real authenticator with a real (local) issuer, real policy. The path
 * is a list of sessions that can be ended, the journal a list of what was written.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Api, type ApiServices, createApi, type RecordPage } from '../../src/api/index.js';
import { ApprovalDesk } from '../../src/approval/index.js';
import { createAuditLog } from '../../src/audit/index.js';
import { newId } from '../../src/base/id.js';
import { silentLogger } from '../../src/base/logger.js';
import type { SinkStatus } from '../../src/contract/api-types.js';
import type { PolicySource } from '../../src/contract/decision.js';
import type { EvidenceScope } from '../../src/contract/evidence-types.js';
import { GwError } from '../../src/contract/gw-error.js';
import type { Identity } from '../../src/contract/identity.js';
import type { BusEvent } from '../../src/contract/session-store.js';
import { createAuditReader } from '../../src/gateway/audit-reader.js';
import { createPolicyAnswers } from '../../src/gateway/policy-answers.js';
import { createAuthenticator } from '../../src/identity/index.js';
import { type LoadedPolicy, loadPolicy } from '../../src/policy/index.js';
import { protocols } from '../../src/protocols/index.js';
import { ClientRecordings } from '../../src/recording/index.js';
import { openStore, type Store } from '../../src/store/index.js';
import { createTargets } from '../../src/targets/index.js';
import { mint, type TestClock, TestIssuer, testClock, testKey } from '../identity/test-issuer.js';
import { keys } from '../recording/session-fixture.js';
import { sessionStart } from '../store/session-fixture.js';
import { eventually, type StateServer, startStateServer } from '../store/state-server.js';
import { silentTrail } from '../support/silent-trail.js';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export interface Ask {
  readonly token?: string;
  readonly method?: string;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string;
  readonly headers?: Record<string, string>;
}

export interface AuditEntry {
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const POLICY = `
version: 1
rules:
  - { id: engineers, effect: allow, actions: [connect], targets: { names: [bank-db] }, subjects: { groups: [engineers] } }
`;

export class ApiWorld {
  readonly audit: AuditEntry[] = [];
  readonly events: BusEvent[] = [];
  readonly killed: { id: string; by: string; reason: string }[] = [];
  readonly erased: string[] = [];
  readonly renewed: { id: string; identity: Identity }[] = [];
  /** Ids of the sessions that run in this process. */
  readonly local = new Set<string>();
  record: RecordPage = { readOnly: false, operations: [], events: [], intact: true, problems: [], next: null };
  /** What an export gives; an error ends it in the middle. */
  exported: readonly (string | Error)[] = ['one\n', 'two\n'];
  sinks: readonly SinkStatus[] = [];
  /** Scopes of the packs that were asked for. */
  readonly exportedEvidence: EvidenceScope[] = [];
  journalBroken = false;
  /** Where a replay finds journals. */
  journalDir = '/nonexistent';
  /** Where the audit log is looked for, in `log`. */
  dataDir = '/nonexistent';
  draining = false;
  loginFailuresPerMinute = 1_000;
  metricsFrom = ['127.0.0.1', '::ffff:127.0.0.1'];
  publicUrl = 'https://gw.example.test:7443';
  readonly clock: TestClock = testClock();
  policy!: LoadedPolicy;
  issuer!: TestIssuer;
  other!: TestIssuer;
  store!: Store;
  desk!: ApprovalDesk;
  /** Replaced by tests of approvals. */
  inForce!: PolicySource;
  server!: StateServer;
  api!: Api;
  #http!: Server;

  static async start(): Promise<ApiWorld> {
    const world = new ApiWorld();
    world.server = await startStateServer();
    world.issuer = await TestIssuer.start(await testKey('k1'));
    world.other = await TestIssuer.start(await testKey('k2'));
    world.store = await openStore({ url: await world.server.database(), logger: silentLogger });
    world.store.bus.subscribe((event) => world.events.push(event));
    world.api = await createApi(world.#services(), (listener) => {
      world.#http = createServer(listener);
      return world.#http;
    });
    world.#http.listen(0, '127.0.0.1');
    await once(world.#http, 'listening');
    return world;
  }

  /** Everything that was published before is in `events`: the bus keeps the order, and a mark comes last. */
  async heard(): Promise<BusEvent[]> {
    const mark = newId('mark');
    await this.store.bus.publish({ kind: 'session.kill', session: mark, by: 'test', reason: '' });
    await eventually('the mark is heard', () => this.events.some((event) => event.kind === 'session.kill' && event.session === mark));
    const last = this.events.findIndex((event) => event.kind === 'session.kill' && event.session === mark);
    this.events.splice(last, 1);
    return this.events;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  #services(): ApiServices {
    const world = this;
    const descriptors = protocols.map(({ descriptor }) => descriptor);
    this.policy = loadPolicy([{ path: 'policy.yaml', text: POLICY }], descriptors);
    const { policy } = this;
    this.inForce = { current: () => policy };
    const target = (name: string) => ({
      name,
      protocol: 'postgres',
      host: '10.0.0.1',
      port: 5432,
      description: `the ${name}`,
      labels: { env: 'prod' },
      options: { database: 'bank' },
      durability: 'batch' as const,
      credential: { username: 'u', password: null },
    });
    const targets = createTargets([target('bank-db'), target('vault')], { environment: () => undefined }).list();
    const settings = {
      login: { gateway: this.publicUrl, version: '0', issuer: this.issuer.url, clientId: 'gw-cli', scopes: ['openid'], audience: 'gw' },
      access: {
        admins: { groups: [{ issuer: this.issuer.url, group: 'admins' }], subjects: [{ issuer: this.issuer.url, subject: 'sub-root-robot' }] },
        auditors: {
          groups: [{ issuer: this.issuer.url, group: 'auditors' }],
          subjects: ['sub-carol', 'sub-root-robot'].map((subject) => ({ issuer: this.issuer.url, subject })),
        },
      },
      targets,
      nativeAddress: () => 'gw.example.test:5432',
    };
    const audit = createAuditLog(
      {
        event: (kind, data) => {
          if (this.journalBroken) throw new GwError('recording.failed', 'The journal cannot be written.');
          this.audit.push({ kind, data });
        },
        commit: () => undefined,
        synced: () => Promise.resolve(),
      },
      silentTrail,
    );
    this.desk = new ApprovalDesk({
      store: this.store.approvals,
      bus: this.store.bus,
      audit,
      clock: this.clock,
      logger: silentLogger,
      policy: () => this.inForce.current().digest,
      isLocked: (issuer, subject) => this.store.subjects.isLocked(issuer, subject),
      emailOf: (issuer, subject) => this.store.subjects.emailOf(issuer, subject),
      notify: () => undefined,
    });
    return {
      approvals: this.desk,
      holds: this.store.holds,
      retention: {
        rules: () => ({ recordings: 1, approvals: 1, index: 1, targets: [] }),
        run: (dryRun) =>
          Promise.resolve({
            dryRun,
            knownTime: '2026-01-01T00:00:00.000Z',
            expired: [],
            recordings: 0,
            held: 0,
            segments: 0,
            index: 0,
            approvals: 0,
            entries: 0,
          }),
      },
      maskingDesk: {
        explain: () => Promise.resolve(null),
        inherited: (target) => this.store.inheritedTags.list(target, null),
        scan: (_asker, _identity, target, scope) => Promise.resolve({ target: target.name, scope, columns: 0, values: 0, proposals: [], tagged: [] }),
      },
      evidence: {
        export: (scope) => {
          this.exportedEvidence.push(scope);
          return Promise.resolve(framesOf('{"kind":"progress","what":"done","part":1}\n'));
        },
      },
      settings: () => ({
        ...settings,
        publicUrl: this.publicUrl,
        loginFailuresPerMinute: this.loginFailuresPerMinute,
        metricsAllowed: (address) => this.metricsFrom.includes(address),
      }),
      protocols: new Map(descriptors.map((descriptor) => [descriptor.kind, { ...descriptor, serverKey: null }])),
      authenticator: createAuthenticator({
        issuers: [this.issuer.settings({ claims: { kind: 'has(claims.kind) ? claims.kind : "person"' } }), this.other.settings({ login: null })],
        clockSkewMs: 0,
        clock: this.clock,
        isLocked: (issuer, subject) => this.store.subjects.isLocked(issuer, subject),
      }),
      policy: { current: () => this.inForce.current() },
      sessions: this.store.sessions,
      subjects: this.store.subjects,
      bus: this.store.bus,
      local: {
        kill: (id, by, reason) => this.local.has(id) && this.killed.push({ id, by, reason }) > 0,
        renew: (id, identity) => this.local.has(id) && this.renewed.push({ id, identity }) > 0,
      },
      operations: this.store.operations,
      certificates: {
        authorities: () => [{ protocol: 'postgres', targets: 'a key' }],
        newSerial: () => 7n,
        issue: ({ publicKey, targets }) => `${publicKey} for ${targets.join()}`,
      },
      clientRecordings: new ClientRecordings(this.store.clientRecordings, this.clock, () => null),
      records: {
        read: () => Promise.resolve(this.record),
        erase: async (session, record) => {
          await this.store.holds.unlessHeld({ session: session.id, issuer: session.issuer, subject: session.subject, target: session.target }, record);
          this.erased.push(session.id);
          return { again: false, traces: 'none' };
        },
        export: (session, format) => exportOf(session.id, format, this.exported),
        watch: (session) => exportOf(session.id, 'watch', this.exported),
      },
      audit,
      auditLog: {
        search: (...asked) => createAuditReader(this.dataDir).search(...asked),
        follow: (...asked) => createAuditReader(this.dataDir).follow(...asked),
        list: () => createAuditReader(this.dataDir).list(),
        file: (path) => createAuditReader(this.dataDir).file(path),
      },
      sinks: () => Promise.resolve(this.sinks),
      policyDesk: createPolicyAnswers({
        current: () => policy,
        store: this.store.policies,
        target: (name) => targets.find((each) => each.name === name),
        get journalDir() {
          return world.journalDir;
        },
        keys,
        clock: this.clock,
      }),
      readiness: () => Promise.resolve({ ready: !this.draining, checks: { accepting: { ok: !this.draining, message: null } } }),
      metrics: () => Promise.resolve({ contentType: 'text/plain', text: 'gw_workers 1\n' }),
      observe: () => undefined,
      draining: () => this.draining,
      clock: this.clock,
      logger: silentLogger,
    };
  }

  /** A token of a person; `groups` decide roles. */
  token(name: string, groups: readonly string[] = ['engineers'], claims: Record<string, unknown> = {}): Promise<string> {
    return mint(this.issuer, this.clock, { sub: `sub-${name}`, preferred_username: name, groups, ...claims });
  }

  /** A live session of a person, stored. */
  async session(name: string, issuer = this.issuer.url, onBehalfOf: Identity['onBehalfOf'] = null): Promise<string> {
    const start = sessionStart({ name });
    const id = `ses${start.session.slice(1)}`;
    this.store.sessions.started({ ...start, session: id, identity: { ...start.identity, issuer, subject: `sub-${name}`, onBehalfOf } }, 'wrk_1');
    await this.store.sessions.flush();
    return id;
  }

  async ask(path: string, { token, method, body, raw, headers }: Ask = {}): Promise<Reply> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const sent = request({
      host: '127.0.0.1',
      port: this.port,
      path,
      agent: false,
      method: method ?? (payload === undefined ? 'GET' : 'POST'),
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    sent.end(payload);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    const isJson = String(response.headers['content-type'] ?? '').includes('application/json');
    return { status: response.statusCode ?? 0, headers: response.headers, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections();
    this.desk.close();
    await this.api.close();
    this.#http.close();
    await this.store.close();
    await Promise.all([this.issuer[Symbol.asyncDispose](), this.other[Symbol.asyncDispose](), this.server.close()]);
  }
}

async function* framesOf(text: string): AsyncGenerator<Uint8Array, void> {
  yield await Promise.resolve(Buffer.from(text));
}

async function* exportOf(session: string, format: string, pieces: readonly (string | Error)[]): AsyncGenerator<string, void> {
  yield await Promise.resolve(`${session} ${format}\n`);
  for (const piece of pieces) {
    if (typeof piece !== 'string') throw piece;
    yield piece;
  }
}

export const codeOf = (reply: Reply): unknown => (reply.json['error'] as { code?: unknown } | undefined)?.code;
