/** What the API gets of this worker. One place, so that `worker.ts` stays a list of steps. */

import type { ApiServices, ApiSettings, CertificateDesk, EvidenceDesk, RetentionDesk } from '../api/index.js';
import type { ApprovalDesk } from '../approval/index.js';
import type { AuditLog } from '../audit/index.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Secret } from '../base/secret.js';
import { createAddressFilter, type GatewayConfig } from '../config/index.js';
import type { LoginInfo } from '../contract/api-types.js';
import type { Authenticator } from '../contract/identity.js';
import type { MaskingDoor, MaskingView } from '../contract/masking-policy.js';
import type { Protocol } from '../contract/protocol.js';
import type { Journal } from '../contract/recording.js';
import type { ClientRecordings, JournalKeys } from '../recording/index.js';
import type { Path } from '../session/index.js';
import type { Store } from '../store/index.js';
import { createAuditReader } from './audit-reader.js';
import type { AuditSinks } from './audit-sinks.js';
import { protocolsByKind } from './gateway-protocols.js';
import { keepLoggedHolds } from './keep-logged-holds.js';
import type { ConfigInForce, LiveConfig } from './live-config.js';
import type { LivePolicy } from './live-policy.js';
import { createMaskingAnswers } from './masking-answers.js';
import { listLogs, logDirectory } from './open-audit-trail.js';
import { packageVersion } from './package-version.js';
import { createPolicyAnswers } from './policy-answers.js';
import { checkReadiness } from './readiness.js';
import { createRecordEraser } from './record-eraser.js';
import { createSessionRecords } from './session-records.js';
import type { MetricFamilies, WorkerAddresses } from './worker-messages.js';
import { aggregateMetrics, type WorkerMetrics } from './worker-metrics.js';

export interface ApiWiring {
  readonly live: LiveConfig;
  readonly serverIdentities: ReadonlyMap<string, Secret>;
  readonly addresses: WorkerAddresses;
  readonly authenticator: Authenticator;
  readonly policy: LivePolicy;
  readonly store: Store;
  readonly path: Path;
  readonly journal: Journal;
  readonly journalDir: string;
  readonly keys: JournalKeys;
  readonly retention: RetentionDesk;
  readonly audit: AuditLog;
  readonly masking: (view: MaskingView) => MaskingDoor;
  readonly approvals: ApprovalDesk;
  readonly sinks: AuditSinks;
  readonly evidence: EvidenceDesk;
  readonly clientRecordings: ClientRecordings;
  readonly certificates: CertificateDesk;
  readonly metrics: WorkerMetrics;
  readonly metricsOfAll: () => Promise<readonly MetricFamilies[]>;
  readonly draining: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createApiServices(wiring: ApiWiring): ApiServices {
  const {
    live,
    serverIdentities,
    addresses,
    authenticator,
    policy,
    store,
    path,
    journal,
    journalDir,
    keys,
    retention,
    audit,
    masking,
    approvals,
    sinks,
    evidence,
    clientRecordings,
    certificates,
    metrics,
    metricsOfAll,
    draining,
    clock,
    logger,
  } = wiring;
  const { dataDir } = live.current().config.gateway;
  const holds = keepLoggedHolds(store.holds, () => listLogs(logDirectory(dataDir)), clock);
  return {
    settings: settingsReader(live, addresses),
    protocols: new Map([...protocolsByKind].map(([kind, protocol]) => [kind, { ...protocol.descriptor, serverKey: serverKeyOf(protocol, serverIdentities) }])),
    authenticator,
    policy,
    sessions: store.sessions,
    subjects: store.subjects,
    approvals,
    holds,
    retention,
    bus: store.bus,
    local: path.live,
    records: createSessionRecords(journalDir, keys, createRecordEraser({ journalDir, holds, contents: store.contents }), logger),
    operations: store.operations,
    clientRecordings,
    certificates,
    policyDesk: createPolicyAnswers({
      current: () => policy.current(),
      store: store.policies,
      target: (name) => live.current().targets.get(name) ?? undefined,
      journalDir,
      keys,
      clock,
    }),
    maskingDesk: createMaskingAnswers({ policy, path, inheritedTags: store.inheritedTags, masking }),
    evidence,
    audit,
    auditLog: createAuditReader(dataDir),
    sinks: () => sinks.status(),
    readiness: () => checkReadiness({ journal, store: storeHealth(store), policy, sinks, draining }),
    metrics: async () => aggregateMetrics(await metricsOfAll()),
    observe: (request) => metrics.observeRequest(request),
    draining,
    clock,
    logger,
  };
}

function serverKeyOf({ kind, serverIdentity }: Protocol, identities: ReadonlyMap<string, Secret>): string | null {
  const identity = identities.get(kind);
  return serverIdentity === null || identity === undefined ? null : serverIdentity.describe(identity.expose());
}

function storeHealth(store: Store): { ping(): Promise<void>; readonly saturated: boolean; readonly busConnected: boolean } {
  return {
    ping: () => store.ping(),
    get saturated() {
      return store.saturated;
    },
    get busConnected() {
      return store.bus.connected;
    },
  };
}

/** The settings of the configuration in force, made once for each. */
function settingsReader(live: LiveConfig, addresses: WorkerAddresses): () => ApiSettings {
  const version = packageVersion();
  let madeFor: ConfigInForce | null = null;
  let settings: ApiSettings;
  return () => {
    const current = live.current();
    if (current !== madeFor) {
      settings = settingsOf(current, addresses, version);
      madeFor = current;
    }
    return settings;
  };
}

function settingsOf({ config, targets }: ConfigInForce, addresses: WorkerAddresses, version: string): ApiSettings {
  return {
    login: loginInfo(config, addresses.publicUrl, version),
    access: config.access,
    targets: targets.list(),
    nativeAddress: (protocol) => addresses.native[protocol] ?? null,
    metricsAllowed: createAddressFilter(config.gateway.metrics.allow),
    publicUrl: addresses.publicUrl,
    loginFailuresPerMinute: config.limits.loginFailuresPerMinute,
  };
}

function loginInfo(config: GatewayConfig, gateway: string, version: string): LoginInfo | null {
  const issuer = config.identity.issuers.find(({ login }) => login !== null);
  const audience = issuer?.audience[0];
  if (issuer === undefined || issuer.login === null || audience === undefined) return null;
  return { gateway, version, issuer: issuer.issuer, clientId: issuer.login.clientId, scopes: issuer.login.scopes, audience };
}
