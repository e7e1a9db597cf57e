/** What the registry of targets must be told about each one. The configuration produces it; nothing here is read from the network. */
import type { SecretSource } from './secret-source.js';

export interface TargetSettings {
  readonly name: string;
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As the protocol's `parseOptions` gave it. */
  readonly options: unknown;
  readonly durability: 'batch' | 'strict';
  readonly credential: { readonly username: string; readonly password: SecretSource | null };
}
