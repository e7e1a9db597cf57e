/** What sessions go to. Built by the configuration; credentials are fetched per session through the provider, never kept here. */
import type { Secret } from '../base/secret.js';

export interface Target {
  readonly name: string;
  /** Kind of the protocol island that speaks to it. */
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Validated by the island's own schema at load. */
  readonly options: unknown;
  /** `strict`: an operation's record is synced to disk before the operation goes up. */
  readonly durability: 'batch' | 'strict';
  credential(): Promise<TargetCredential>;
}

export interface TargetCredential {
  readonly username: string;
  readonly password: Secret | null;
  /** A private key in PEM, where the gateway holds one. */
  readonly key?: Secret;
}
