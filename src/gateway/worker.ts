/**
 * The composition of one worker: every domain is built here and given to the path and the API by constructor. The order is the order of
 * trust: state and journal first, then what decides, then what accepts. If anything fails on the way, nothing is left listening.
 */
import type { Server } from 'node:http';
import type { SecureContext } from 'node:tls';
import { type Api, createApi } from '../api/index.js';
import { type AuditLog, type AuditTrail, createAuditLog } from '../audit/index.js';
import { systemClock } from '../base/clock.js';
import type { GatewayConfig } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import type { Authenticator } from '../contract/identity.js';
import type { Journal } from '../contract/recording.js';
import { createDeviceLogins, createIdentityPasses } from '../identity/index.js';
import { ClientRecordings, type GroupJournal, openJournal, type SealedSegment } from '../recording/index.js';
import { createPath, type Path, type PathLimits } from '../session/index.js';
import type { Store } from '../store/index.js';
import { dial } from '../targets/index.js';
import { createApiServices } from './api-wiring.js';
import { type Approvals, createApprovals } from './approval-wiring.js';
import { type AuditSinks, startAuditSinks } from './audit-sinks.js';
import { loadAuthorities, loadPassKey } from './authority-keys.js';
import { createCertificateDesk } from './certificate-desk.js';
import { ConnectionCounter } from './connection-limits.js';
import { createEvidenceDesk, type GatewayEvidence } from './evidence-desk.js';
import { protocolsByKind } from './gateway-protocols.js';
import { createHttpServer } from './http-server.js';
import { logSegment, recoverInterruptedWork } from './interrupted-work.js';
import { type JournalKeyService, journalDirectory, loadJournalKeys } from './journal-keys.js';
import { type Listeners, openListeners } from './listeners.js';
import { createLiveConfig, type LiveConfig } from './live-config.js';
import { createLivePolicy, type LivePolicy } from './live-policy.js';
import { LoggedJournal } from './logged-journal.js';
import { closeAbandonedLogs, openAuditTrail, visitIdleLogs } from './open-audit-trail.js';
import { openState } from './open-state.js';
import { type OperationIndexer, startOperationIndexer } from './operation-indexer.js';
import { packageVersion } from './package-version.js';
import { publicAddresses } from './public-addresses.js';
import { type Retention, startRetention } from './retention/start-retention.js';
import { loadServerIdentities } from './server-identities.js';
import type { ServiceLogger } from './service-logger.js';
import { recordsOfTerminals } from './session-records.js';
import { loadSigningKeys } from './signing-keys.js';
import { createMaskingDoors } from './token-keys.js';
import { startToldRoles, type ToldRoles } from './told-roles.js';
import type { MetricFamilies, WorkerAddresses, WorkerAssignment } from './worker-messages.js';
import { createWorkerMetrics } from './worker-metrics.js';

export interface WorkerOptions {
  readonly config: GatewayConfig;
  readonly assignment: WorkerAssignment;
  readonly logger: ServiceLogger;
  /** Metric families of all workers. */
  readonly metricsOfAll: () => Promise<readonly MetricFamilies[]>;
}

export interface RunningWorker {
  readonly addresses: WorkerAddresses;
  readonly policy: string;
  families(): Promise<MetricFamilies>;
  /** @throws GwError `config.invalid` | `policy.invalid`: then what was in force stays in force */
  reload(): Promise<void>;
  /** Again with a shorter deadline hurries the first call. Resolves when nothing of the worker is open. */
  drain(deadlineMs: number): Promise<void>;
}

/** @throws GwError what kept the worker from accepting */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const cleanups: (() => Promise<unknown>)[] = [];
  try {
    return await compose(options, cleanups);
  } catch (thrown) {
    for (const cleanup of cleanups.reverse()) await cleanup();
    throw GwError.from(thrown);
  }
}

async function compose(options: WorkerOptions, cleanups: (() => Promise<unknown>)[]): Promise<RunningWorker> {
  const { config, assignment, logger } = options;
  const clock = systemClock;
  const worker = assignment.journal;
  const keys = await loadJournalKeys(config, clock.now());
  const store = await openState(config, assignment.stateUrl, logger);
  cleanups.push(() => store.close());
  const journalDir = journalDirectory(config.gateway.dataDir);
  const logSettings = { config, journal: worker, version: packageVersion(), clock, logger };
  const trail = await openAuditTrail(logSettings);
  cleanups.push(() => trail.close());
  if (assignment.recover) await closeAbandonedLogs(logSettings);
  if (assignment.recover)
    await recoverInterruptedWork({ journalDir, keys: keys.keyring, aliveJournals: assignment.aliveJournals, store, trail, clock, logger });
  const segments = await openWorkerJournal({ config, keys, dir: journalDir, bootId: worker, logger }, (segment) => logSegment(trail, segment));
  const journal = new LoggedJournal(segments, trail);
  cleanups.push(() => journal.close());
  const audit = createAuditLog(journal, trail);
  const live = await createLiveConfig({ config, isLocked: (issuer, subject) => store.subjects.isLocked(issuer, subject), clock, logger });
  const policy = await createLivePolicy({ config, audit, policies: store.policies, worker, clock, logger });
  cleanups.push(() => policy.close());
  await Promise.all([...protocolsByKind.values()].map((protocol) => protocol.prepare()));
  void warmUp(live, logger);

  const serverIdentities = await loadServerIdentities(protocolsByKind.values(), config.gateway.dataDir, clock.now());
  const authorities = await loadAuthorities(protocolsByKind.values(), config.gateway.dataDir, clock.now());
  const passes = createIdentityPasses({
    key: await loadPassKey(config.gateway.dataDir, clock.now()),
    clock,
    trusts: (issuer) => live.current().config.identity.issuers.some((each) => each.issuer === issuer),
    isLocked: (issuer, subject) => store.subjects.isLocked(issuer, subject),
  });
  const masking = createMaskingDoors(() => live.current().tokenKeys, clock);

  const indexer = startOperationIndexer({
    index: store.operations,
    journalDir,
    keys: keys.keyring,
    journal: worker,
    alive: assignment.recover ? assignment.aliveJournals : null,
    logger,
  });
  cleanups.push(() => indexer.close());

  const sinks = startAuditSinks({ config, worker, journalDir, keys: keys.keyring, audit, clock, logger });
  cleanups.push(() => sinks.close());

  const approvals = createApprovals({ live, store, audit, policy, clock, logger });
  cleanups.push(() => approvals.close());

  const evidence = createEvidenceDesk({
    dataDir: config.gateway.dataDir,
    keys: () => loadSigningKeys(config, clock.now()),
    journalKeys: keys.keyring,
    policies: store.policies,
    bus: store.bus,
    audit,
    journal: segments,
    worker,
    logger,
  });
  cleanups.push(() => evidence.close());
  const retention = await startRetention(
    {
      dataDir: config.gateway.dataDir,
      journalDir,
      rules: () => {
        const { logSeenBy: _seenBy, ...rules } = live.current().config.retention;
        return rules;
      },
      sinks: () => live.current().config.sinks,
      seenBy: () => live.current().config.retention.logSeenBy,
      idleLogs: (wanted, act) => visitIdleLogs(logSettings, wanted, act),
      trail,
      holds: store.holds,
      contents: store.contents,
      sessions: store.sessions,
      rows: store.retention,
      clock,
      logger,
    },
    assignment.recover,
  );
  cleanups.push(() => retention.close());

  const authenticator: Authenticator = { verify: (token) => live.current().authenticator.verify(token) };
  const addresses = publicAddresses(config, assignment.ports);
  const clientRecordings = new ClientRecordings(store.clientRecordings, clock, recordsOfTerminals(journalDir, keys.keyring));
  const path = createPath({
    gateway: config.gateway.name,
    workerId: worker,
    protocols: protocolsByKind,
    authenticator,
    passes,
    deviceLogins: createDeviceLogins({ issuer: () => live.current().config.identity.issuers.find(({ login }) => login !== null) ?? null, clock }),
    policy,
    masking,
    targets: { get: (name) => live.current().targets.get(name) ?? undefined },
    dial,
    journal,
    audit,
    journalId: worker,
    sessions: store.sessions,
    subjects: store.subjects,
    approvals: approvals.desk.door,
    inheritedTags: store.inheritedTags,
    clientRecordings,
    bus: store.bus,
    tlsContext: (): SecureContext => live.current().tls.context,
    discovery: discoveryOf(config),
    serverIdentities,
    authorities,
    limits: limitsOf(live),
    clock,
    logger,
  });

  const counter = new ConnectionCounter(() => {
    const { preLoginConnections: total, preLoginPerAddress: perAddress } = live.current().config.limits;
    return { total, perAddress };
  });
  let draining = false;
  const metrics = createWorkerMetrics({
    counters: () => path.counters,
    liveSessions: () => path.live.count(),
    journalHealthy: () => journal.healthy,
    storeWaiting: () => store.waiting,
    refusedConnections: () => counter.refused,
    certificateValidUntil: () => live.current().tls.validUntil,
    timestamps: () => trail.timestamps,
    sinks,
  });
  let http: Server | undefined;
  const services = createApiServices({
    clientRecordings,
    certificates: createCertificateDesk({ protocols: protocolsByKind, keys: authorities, passes, clock }),
    live,
    serverIdentities,
    addresses,
    authenticator,
    policy,
    store,
    path,
    journal,
    journalDir,
    keys: keys.keyring,
    retention,
    audit,
    masking,
    approvals: approvals.desk,
    sinks,
    evidence,
    metrics,
    metricsOfAll: options.metricsOfAll,
    draining: () => draining,
    clock,
    logger,
  });
  const api = await createApi(services, (listener) => {
    http = createHttpServer(listener);
    return http;
  });
  cleanups.push(() => api.close());
  if (http === undefined) throw new GwError('internal.error', 'The API made no server.');
  const listeners = await listen(config, assignment, live, { http, path, counter, logger });
  cleanups.push(() => listeners.close());
  const roles = startToldRoles({ trail, clock, onError: (err) => logger.error({ err }, 'who has a role could not be written to the audit log') });
  cleanups.push(async () => roles.close());
  await roles.tell(config.access);
  await audit.record('gateway.start', { gateway: config.gateway.name, version: packageVersion(), worker, policy: policy.digest });

  const parts: Parts = {
    config,
    worker,
    store,
    journal,
    trail,
    audit,
    live,
    policy,
    approvals,
    sinks,
    evidence,
    indexer,
    retention,
    roles,
    path,
    api,
    listeners,
    logger,
    setDraining: () => (draining = true),
  };
  let drained: Promise<void> | null = null;
  return {
    addresses,
    policy: policy.digest,
    families: () => metrics.families(),
    reload: () => reload(parts),
    drain: async (deadlineMs) => {
      if (drained === null) drained = drain(parts, deadlineMs);
      else await path.drain(deadlineMs);
      return drained;
    },
  };
}

interface Parts {
  readonly config: GatewayConfig;
  readonly worker: string;
  readonly store: Store;
  readonly journal: Journal;
  readonly trail: AuditTrail;
  readonly audit: AuditLog;
  readonly live: LiveConfig;
  readonly policy: LivePolicy;
  readonly approvals: Approvals;
  readonly sinks: AuditSinks;
  readonly evidence: GatewayEvidence;
  readonly indexer: OperationIndexer;
  readonly retention: Retention;
  readonly roles: ToldRoles;
  readonly path: Path;
  readonly api: Api;
  readonly listeners: Listeners;
  readonly logger: ServiceLogger;
  readonly setDraining: () => void;
}

/** Policy last: it is the only part that takes effect by itself, and by then all other parts are known to be right. */
async function reload({ live, policy, roles, sinks, listeners, logger }: Parts): Promise<void> {
  const next = await live.prepare();
  await policy.reload(next.config);
  // Nobody has a role that the log does not tell.
  await roles.tell(next.config.access);
  live.take(next);
  await sinks.reload(next.config.sinks);
  listeners.setTls(next.tls);
  logger.setLevel(next.config.log.level);
  void warmUp(live, logger);
}

/**
 * Readiness turns red and native ports close at once; the TLS port goes on answering health, API and renewals while sessions live, and
 * refuses new tunnels. State and journal are closed last, because the last words of sessions go there.
 */
async function drain(parts: Parts, deadlineMs: number): Promise<void> {
  const { config, worker, store, journal, trail, audit, policy, approvals, evidence, sinks, indexer, retention, roles, path, api, listeners, logger } = parts;
  parts.setDraining();
  const nativeClosed = listeners.closeNative();
  await path.drain(deadlineMs).catch((err: unknown) => logger.error({ err }, 'draining failed; ending at once'));
  await audit
    .record('gateway.stop', { gateway: config.gateway.name, worker, why: 'drain' })
    .catch((err: unknown) => logger.error({ err }, 'the end of the gateway could not be written to the journal'));
  await approvals.close();
  await evidence.close();
  await Promise.all([nativeClosed, listeners.close()]);
  await api.close();
  await policy.close();
  await sinks.close();
  await indexer.close();
  await retention.close();
  roles.close();
  await journal.close();
  await trail.close();
  await store.close();
}

async function warmUp(live: LiveConfig, logger: ServiceLogger): Promise<void> {
  for (const { issuer, problem } of await live.current().authenticator.warmUp()) {
    if (problem !== null) logger.warn({ issuer, problem }, 'the keys of an issuer could not be fetched; they are tried again at the next login');
  }
}

interface JournalPlace {
  readonly config: GatewayConfig;
  readonly keys: JournalKeyService;
  readonly dir: string;
  readonly bootId: string;
  readonly logger: ServiceLogger;
}

function openWorkerJournal({ config, keys, dir, bootId, logger }: JournalPlace, onSealed: (segment: SealedSegment) => void): Promise<GroupJournal> {
  const { segmentBytes, resultCapBytes, syncIntervalMs } = config.recording;
  return openJournal({
    dir,
    gateway: config.gateway.name,
    bootId,
    encryption: keys.wrapper,
    clock: systemClock,
    logger,
    segmentBytes,
    resultCap: resultCapBytes,
    syncIntervalMs,
    onSealed,
    onFailure: (err) => logger.error({ err }, 'the journal cannot be written; operations are refused until it can'),
  });
}

function listen(
  config: GatewayConfig,
  assignment: WorkerAssignment,
  live: LiveConfig,
  { http, path, counter, logger }: { http: Server; path: Path; counter: ConnectionCounter; logger: ServiceLogger },
): Promise<Listeners> {
  const { gateway, limits } = config;
  return openListeners({
    listen: { host: gateway.listen.host, port: assignment.ports[0] ?? gateway.listen.port },
    native: gateway.native.map(({ protocol, plaintext, auth, listen: { host, port } }, index) => ({
      protocol,
      listen: { host, port: assignment.ports[index + 1] ?? port },
      accept: (socket) => path.acceptNative(protocol, socket, { plaintextLoopback: plaintext === 'loopback', preferredAuth: auth }),
    })),
    tls: live.current().tls,
    ticketKeys: Buffer.from(assignment.ticketKeys, 'base64'),
    handshakeTimeoutMs: limits.handshakeTimeoutMs,
    counter,
    http,
    acceptTunnel: (socket) => path.acceptTunnel(socket),
    logger,
  });
}

/** Read anew at each use, so that a reload holds for the next connection and the next look at a session. */
function limitsOf(live: LiveConfig): PathLimits {
  const limits = (): GatewayConfig['limits'] => live.current().config.limits;
  return {
    get preLoginConnections() {
      return limits().preLoginConnections;
    },
    get preLoginPerAddress() {
      return limits().preLoginPerAddress;
    },
    get handshakeTimeoutMs() {
      return limits().handshakeTimeoutMs;
    },
    get maxSessions() {
      return limits().maxSessions;
    },
    get idleTimeoutMs() {
      return limits().idleTimeoutMs;
    },
    get sessionTimeoutMs() {
      return limits().sessionTimeoutMs;
    },
    get loginFailuresPerMinute() {
      return limits().loginFailuresPerMinute;
    },
    get statementBytes() {
      return limits().statementBytes;
    },
  };
}

function discoveryOf(config: GatewayConfig): { openidConfiguration: string; scope: string } | null {
  const issuer = config.identity.issuers.find(({ login }) => login !== null);
  if (issuer === undefined || issuer.login === null) return null;
  return { openidConfiguration: `${issuer.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, scope: issuer.login.scopes.join(' ') };
}
