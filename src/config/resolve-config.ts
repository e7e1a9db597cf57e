/** From the validated file to `GatewayConfig`: absolute paths, ports filled in, nulls instead of gaps. Pure but for the number of cores. */
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { RetentionRules } from '../contract/retention.js';
import type { ClaimMappings, IssuerSettings, NotifySettings, TargetSettings } from '../contract/settings.js';
import type { EncryptionSettings, GatewayConfig, RoleMembers } from './gateway-config.js';
import type { ParsedGatewayFile } from './gateway-schema.js';
import { type HostPort, parseHostPort } from './host-port.js';
import { secretSource } from './secret-source.js';
import { sinkSettings } from './sink-settings.js';

/** What the checks found out for each target, in order: its address, and its options as the protocol parsed them. */
export interface ResolvedTarget {
  readonly address: HostPort;
  readonly options: unknown;
}

/** @param file absolute path of the configuration */
export function resolveConfig(file: string, parsed: ParsedGatewayFile, targets: readonly ResolvedTarget[], policyFiles: readonly string[]): GatewayConfig {
  const directory = dirname(file);
  const from = (path: string): string => resolve(directory, path);
  const { gateway, recording, limits } = parsed;
  const { logSeenBy, ...retention } = parsed.retention;
  return {
    file,
    directory,
    gateway: {
      name: gateway.name,
      listen: gateway.listen,
      publicUrl: gateway.publicUrl?.replace(/\/+$/, '') ?? null,
      tls: { certificate: from(gateway.tls.certificate), key: from(gateway.tls.key) },
      workers: gateway.workers === 'auto' ? Math.max(1, availableParallelism() - 1) : gateway.workers,
      dataDir: from(gateway.dataDir),
      native: gateway.native.map((each) => ({
        protocol: each.protocol,
        listen: each.listen,
        advertise: each.advertise ?? null,
        plaintext: each.plaintext,
        auth: each.auth,
      })),
      drainTimeoutMs: gateway.drainTimeout,
      metrics: { allow: gateway.metrics.allow },
    },
    state: parsed.state === 'embedded' ? { kind: 'embedded' } : { kind: 'server', url: secretSource(parsed.state.url, directory) },
    identity: { clockSkewMs: parsed.identity.clockSkew, issuers: parsed.identity.issuers.map((each) => issuerSettings(each, from)) },
    access: { admins: roleMembers(parsed.access.admins, parsed), auditors: roleMembers(parsed.access.auditors, parsed) },
    policy: { patterns: parsed.policy.files.map(from), files: policyFiles },
    recording: {
      resultCapBytes: recording.resultCap,
      segmentBytes: recording.segmentSize,
      syncIntervalMs: recording.syncInterval,
      encryption: encryptionSettings(recording.encryption, directory),
    },
    retention: { ...retentionRules(retention), logSeenBy: logSeenBy.map(from) },
    limits: {
      preLoginConnections: limits.preLoginConnections,
      preLoginPerAddress: limits.preLoginPerAddress,
      handshakeTimeoutMs: limits.handshakeTimeout,
      connectTimeoutMs: limits.connectTimeout,
      maxSessions: limits.maxSessions,
      idleTimeoutMs: limits.idleTimeout,
      sessionTimeoutMs: limits.sessionTimeout,
      loginFailuresPerMinute: limits.loginFailuresPerMinute,
      statementBytes: limits.statementBytes,
    },
    targets: parsed.targets.flatMap((each, index) => targetSettings(each, targets[index], directory)),
    approvals: { notify: notifySettings(parsed.approvals.notify, directory) },
    masking: { tokenKeys: parsed.masking.tokenKeys.map(({ id, secret }) => ({ id, secret: secretSource(secret, directory) })) },
    audit: {
      keys: parsed.audit.keys.map((key) => secretSource(key, directory)),
      checkpointMs: parsed.audit.checkpointInterval,
      heartbeatMs: parsed.audit.heartbeat,
      timestamps: timestampSettings(parsed.audit.timestamps, from),
    },
    sinks: sinkSettings(parsed.sinks, directory),
    log: parsed.log,
  };
}

function timestampSettings(given: ParsedGatewayFile['audit']['timestamps'], from: (path: string) => string): GatewayConfig['audit']['timestamps'] {
  if (given === undefined) return null;
  const { url, authority, ca, every, retry } = given;
  return { url, authority: from(authority), ca: ca === undefined ? null : from(ca), everyMs: every, retryMs: retry };
}

function retentionRules({ targets, log, ...others }: Omit<ParsedGatewayFile['retention'], 'logSeenBy'>): RetentionRules {
  return {
    ...others,
    log: log ?? null,
    targets: targets.map(({ target, recordings = others.recordings, approvals = others.approvals, index = others.index }) => ({
      target,
      recordings,
      approvals,
      index,
    })),
  };
}

function encryptionSettings({ keys, kms }: ParsedGatewayFile['recording']['encryption'], directory: string): EncryptionSettings {
  return {
    keys: keys.map((key) => secretSource(key, directory)),
    kms: kms === undefined ? null : { name: kms.name, wrap: kms.wrap, unwrap: kms.unwrap, timeoutMs: kms.timeout },
  };
}

/** A group without an issuer is one of where people log in; the checks have seen to it that there is no doubt which issuer that is. */
function roleMembers({ groups, subjects }: ParsedGatewayFile['access']['admins'], { identity }: ParsedGatewayFile): RoleMembers {
  const people = identity.issuers.find(({ login }) => login !== undefined) ?? identity.issuers[0];
  return {
    groups: groups.flatMap((each) => (typeof each !== 'string' ? [each] : people === undefined ? [] : [{ issuer: people.issuer, group: each }])),
    subjects,
  };
}

function issuerSettings(each: ParsedGatewayFile['identity']['issuers'][number], from: (path: string) => string): IssuerSettings {
  const claims: Record<string, string> = {};
  for (const [name, expression] of Object.entries(each.claims)) if (expression !== undefined) claims[name] = expression;
  return {
    issuer: each.issuer,
    audience: each.audience,
    algorithms: each.algorithms,
    login: each.login ?? null,
    authorizedParties: each.authorizedParties,
    require: each.require,
    claims: claims satisfies ClaimMappings,
    ca: each.ca === undefined ? null : from(each.ca),
  };
}

function targetSettings(each: ParsedGatewayFile['targets'][number], found: ResolvedTarget | undefined, directory: string): TargetSettings[] {
  if (found === undefined) return [];
  const { username, password, key, certificate, principals } = each.credential;
  return [
    {
      name: each.name,
      protocol: each.protocol,
      host: found.address.host,
      port: found.address.port,
      description: each.description,
      labels: each.labels,
      options: found.options,
      durability: each.durability,
      credential: {
        username,
        password: password === undefined ? null : secretSource(password, directory),
        ...(key === undefined ? {} : { key: secretSource(key, directory) }),
        ...(certificate ? { principals: principals ?? ['{{account}}'] } : {}),
      },
    },
  ];
}

/** Where a mail server listens when its address names no port. */
export const MAIL_PORTS = { implicit: 465, starttls: 587, none: 25 } as const;

function notifySettings({ webhooks, slack, email }: ParsedGatewayFile['approvals']['notify'], directory: string): NotifySettings {
  const authority = (ca: string | undefined): string | null => (ca === undefined ? null : resolve(directory, ca));
  return {
    webhooks: webhooks.map(({ name, url, secret, ca }) => ({
      name,
      url: secretSource(url, directory),
      secret: secretSource(secret, directory),
      ca: authority(ca),
    })),
    slack: slack.map(({ name, url, ca }) => ({ name, url: secretSource(url, directory), ca: authority(ca) })),
    email: email.map(({ name, server, tls, ca, credential, from, to }) => ({
      name,
      // The checks have seen to it that it is an address.
      ...(parseHostPort(server, MAIL_PORTS[tls]) ?? { host: '', port: 0 }),
      tls,
      ca: authority(ca),
      credential: credential === undefined ? null : { username: credential.username, password: secretSource(credential.password, directory) },
      from,
      to,
    })),
  };
}
