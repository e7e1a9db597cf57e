/**
 * What the configuration tells the domains, in the form in which they want it: `config/` produces these values, `identity/` and
 * `targets/` consume them, and neither knows the other. Paths are absolute; expressions are CEL over `claims`.
 */
import type { Secret } from '../base/secret.js';

/**
 * What must be on disk. `batch`: nothing; it is soon, and in the kernel at once. `strict`: the record of an operation, before the operation goes up. `full`: and
 * what it gave, before that is delivered.
 */
export type Durability = 'batch' | 'strict' | 'full';

/**
 * Where a secret comes from. The secret itself is read for each session, so that a rotated password needs no restart; only `literal`
 * stays in memory.
 */
export type SecretSource =
  | { readonly kind: 'literal'; readonly value: Secret }
  | { readonly kind: 'env'; readonly name: string }
  /** Absolute path; the first line is the secret. */
  | { readonly kind: 'file'; readonly path: string }
  /** Run without a shell in `directory`; the first line of its output is the secret. */
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly directory: string };

/** What the registry of targets must be told about each one. */
export interface TargetSettings {
  readonly name: string;
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As the protocol's `parseOptions` gave it. */
  readonly options: unknown;
  readonly durability: Durability;
  readonly credential: {
    readonly username: string;
    readonly password: SecretSource | null;
    /** A private key; all lines of the source. */
    readonly key?: SecretSource;
    /** Names that the gateway certifies itself for; left out: it does not. */
    readonly principals?: readonly string[];
  };
}

/** How the claims of a verified token become an identity. An expression that fails refuses the token. */
export interface ClaimMappings {
  /** Default: `claims.sub`. Must give a text that names the subject for ever and never another one. */
  readonly subject?: string;
  /** Default: `preferred_username`, else `name`, else the subject. */
  readonly name?: string;
  /** Default: the claim `email` when there is one. */
  readonly email?: string;
  /** Default: the claim `email_verified`. */
  readonly emailVerified?: string;
  /** Default: the claim `groups`, or none. */
  readonly groups?: string;
  /** Default: `person`. */
  readonly kind?: string;
  /** Default: from an `act` claim (RFC 8693), else nobody. Gives a subject, `{"issuer": …, "subject": …}`, or null. */
  readonly onBehalfOf?: string;
}

/** What the identity domain must be told about each issuer it trusts. */
export interface IssuerSettings {
  /** Exactly as in the `iss` claim. */
  readonly issuer: string;
  /** One of these must be in the `aud` claim. */
  readonly audience: readonly string[];
  readonly algorithms: readonly string[];
  /** The public client that people log in with here; null when people do not. */
  readonly login: { readonly clientId: string; readonly scopes: readonly string[] } | null;
  /** Values that the `azp` claim may have. Empty: only checked when a token has several audiences. */
  readonly authorizedParties: readonly string[];
  /** All must be true. */
  readonly require: readonly string[];
  readonly claims: ClaimMappings;
  /** Absolute path of a PEM bundle that vouches for the issuer's TLS certificate instead of the public authorities; null: those. */
  readonly ca: string | null;
}

/** Who is told about requests for approval, outside of gw. Secrets are read for each message. */
export interface NotifySettings {
  readonly webhooks: readonly {
    readonly name: string;
    readonly url: SecretSource;
    /** Key of the signature (HMAC-SHA-256). */
    readonly secret: SecretSource;
    readonly ca: string | null;
  }[];
  /** Incoming webhooks that take `{"text": …}`; their URL is their secret. */
  readonly slack: readonly { readonly name: string; readonly url: SecretSource; readonly ca: string | null }[];
  readonly email: readonly {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly tls: 'implicit' | 'starttls' | 'none';
    readonly ca: string | null;
    readonly credential: { readonly username: string; readonly password: SecretSource } | null;
    readonly from: string;
    readonly to: readonly string[];
  }[];
}

/** Where entries of the audit log go besides the log itself. */
export interface SinkSettings {
  /** Names its place in the log, too: under another name it begins anew. */
  readonly name: string;
  readonly format: SinkFormat;
  /** Kinds of entries; one that ends in `*` stands for all that begin so. Empty: all. */
  readonly events: readonly string[];
  /** Sensitive fields go along, out of the record. */
  readonly sensitive: boolean;
  /** Where it begins when it was never seen before. */
  readonly begin: 'oldest' | 'newest';
  /** An entry that waits for longer is worth an alarm. */
  readonly alarmMs: number;
  readonly to: FileSinkSettings | SyslogSinkSettings | WebhookSinkSettings;
}

export type SinkFormat = 'json' | 'ocsf';

export interface FileSinkSettings {
  readonly kind: 'file';
  readonly path: string;
  readonly rotateBytes: number;
  /** Rotated files that stay; null: all. */
  readonly keep: number | null;
}

export interface SyslogSinkSettings {
  readonly kind: 'syslog';
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly ca: string | null;
  /** What the gateway shows the receiver, paths of PEM files. */
  readonly client: { readonly certificate: string; readonly key: string } | null;
  /** RFC 5424 section 6.2.1. */
  readonly facility: number;
  readonly appName: string;
}

export interface WebhookSinkSettings {
  readonly kind: 'webhook';
  readonly url: SecretSource;
  /** Key of the signature (HMAC-SHA-256). */
  readonly secret: SecretSource;
  readonly ca: string | null;
}
