/** What sessions go to. Built by the configuration; credentials are fetched per session through the provider, never kept here. */
import type { Secret } from '../base/secret.js';
import type { Durability } from './settings.js';

export interface Target {
  readonly name: string;
  /** Kind of the protocol island that speaks to it. */
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The account of the configuration. */
  readonly account: string;
  /** `named`: the gateway certifies itself, so policy may name other accounts. `own`: sessions are opened as the one of the configuration only. */
  readonly accounts: 'own' | 'named';
  /** Validated by the island's own schema at load. */
  readonly options: unknown;
  readonly durability: Durability;
  credential(): Promise<HeldCredential>;
}

/** What the gateway holds for a target. */
export interface HeldCredential extends Omit<TargetCredential, 'certify'> {
  /** Names that the gateway has itself certified for, by its own authority; null: it does not. `{{account}}` in them stands for the account. */
  readonly principals: readonly string[] | null;
}

export interface CertifyAs {
  /** What `Protocol.authorities.targets` made. */
  readonly authority: Secret;
  /** Names that the certificate is good for at the target. */
  readonly principals: readonly string[];
  /** For the target's own log: which session, and whose. */
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface TargetCredential {
  readonly username: string;
  readonly password: Secret | null;
  /** A private key in PEM, where the gateway holds one. */
  readonly key?: Secret;
  /** The gateway certifies itself to the target by its own authority. */
  readonly certify?: CertifyAs;
}
