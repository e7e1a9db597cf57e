/**
 * The configuration as the composition root gets it: defaults filled in, units parsed (milliseconds, bytes), paths absolute, patterns
 * expanded, options validated by their protocol. Immutable; a reload makes a new one.
 */
import type { RetentionRules } from '../contract/retention.js';
import type { IssuerSettings, NotifySettings, SecretSource, SinkSettings, TargetSettings } from '../contract/settings.js';
import type { AddressRange } from './address-filter.js';
import type { HostPort } from './host-port.js';

export interface RoleMembers {
  /** Groups of people, each as its issuer names it. */
  readonly groups: readonly { readonly issuer: string; readonly group: string }[];
  readonly subjects: readonly { readonly issuer: string; readonly subject: string }[];
}

export interface NativeListener {
  readonly protocol: string;
  readonly listen: HostPort;
  /** `host:port` for clients, or null: the address of `listen`. */
  readonly advertise: string | null;
  readonly plaintext: 'refuse' | 'loopback';
  readonly auth: 'password' | 'oauth';
}

/** What wraps the keys of journals. Neither: a key that the gateway keeps itself. */
export interface EncryptionSettings {
  /** The newest first. */
  readonly keys: readonly SecretSource[];
  readonly kms: { readonly name: string; readonly wrap: readonly string[]; readonly unwrap: readonly string[]; readonly timeoutMs: number } | null;
}

export interface GatewayConfig {
  /** Absolute path of the file, and of its directory. */
  readonly file: string;
  readonly directory: string;
  readonly gateway: {
    readonly name: string;
    readonly listen: HostPort;
    /** Null: `https://` and the address that was bound. */
    readonly publicUrl: string | null;
    readonly tls: { readonly certificate: string; readonly key: string };
    readonly workers: number;
    readonly dataDir: string;
    readonly native: readonly NativeListener[];
    readonly drainTimeoutMs: number;
    readonly metrics: { readonly allow: readonly AddressRange[] };
  };
  readonly state: { readonly kind: 'embedded' } | { readonly kind: 'server'; readonly url: SecretSource };
  readonly identity: { readonly clockSkewMs: number; readonly issuers: readonly IssuerSettings[] };
  readonly access: { readonly admins: RoleMembers; readonly auditors: RoleMembers };
  /** `files`: what the patterns match now, sorted. A reload expands `patterns` anew. */
  readonly policy: { readonly patterns: readonly string[]; readonly files: readonly string[] };
  readonly recording: {
    readonly resultCapBytes: number;
    readonly segmentBytes: number;
    readonly syncIntervalMs: number;
    readonly encryption: EncryptionSettings;
  };
  readonly retention: RetentionRules & {
    /** Directories with checkpoints that others saw: the log keeps what those do not cover. */
    readonly logSeenBy: readonly string[];
  };
  readonly limits: {
    readonly preLoginConnections: number;
    readonly preLoginPerAddress: number;
    readonly handshakeTimeoutMs: number;
    readonly connectTimeoutMs: number;
    readonly maxSessions: number;
    readonly idleTimeoutMs: number;
    readonly sessionTimeoutMs: number;
    readonly loginFailuresPerMinute: number;
    readonly statementBytes: number;
  };
  readonly targets: readonly TargetSettings[];
  readonly approvals: { readonly notify: NotifySettings };
  /** Keys of tokens, the newest first; none: the gateway keeps one of its own. */
  readonly masking: { readonly tokenKeys: readonly { readonly id: number; readonly secret: SecretSource }[] };
  /** `keys`: who signs, the newest first; none: the gateway keeps one of its own. */
  readonly audit: {
    readonly keys: readonly SecretSource[];
    readonly checkpointMs: number;
    readonly heartbeatMs: number;
    /** `authority`, `ca`: absolute paths of PEM files. */
    readonly timestamps: {
      readonly url: string;
      readonly authority: string;
      readonly ca: string | null;
      readonly everyMs: number;
      readonly retryMs: number;
    } | null;
  };
  readonly sinks: readonly SinkSettings[];
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' };
}

/** What the configuration must know of each protocol; keys of the record are the kinds. */
export interface ConfigProtocol {
  /**
   * Gives the parsed options, or throws `config.invalid` with `options.PATH: what is wrong` for each problem, joined by `; `. Relative
   * paths in the options are relative to `directory`.
   */
  parseOptions(raw: unknown, directory: string): unknown;
  /** JSON schema of the options. */
  readonly optionsSchema: object;
  /** Port of an address that has none; without it every address needs one. */
  readonly defaultPort?: number;
  /** The gateway can log in with a certificate of its own authority. */
  readonly certificates?: boolean;
}

export type ConfigProtocols = Readonly<Record<string, ConfigProtocol>>;
