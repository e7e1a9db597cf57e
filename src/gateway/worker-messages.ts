/**
 * What the primary process and its workers say to each other. The primary knows no configuration, no protocol and no store: the first
 * worker reads the configuration and reports the little that the primary needs, which keeps the primary small.
 */
import type { ErrorBody } from '../contract/gw-error.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** What the primary must know of the configuration. */
export interface GatewaySummary {
  readonly name: string;
  readonly workers: number;
  readonly dataDir: string;
  readonly embeddedState: boolean;
  readonly drainTimeoutMs: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly listen: ListenAddress;
  readonly native: readonly { readonly protocol: string; readonly listen: ListenAddress }[];
}

/** Everything that a worker needs besides the configuration. */
export interface WorkerAssignment {
  /** Name of the worker's journal; new for each start of a process. */
  readonly journal: string;
  /** Journals of processes that live; the worker recovers all others when `recover` is set. */
  readonly aliveJournals: readonly string[];
  readonly recover: boolean;
  /** URL of the embedded state database; null: the configuration names one. */
  readonly stateUrl: string | null;
  /** Ports in the place of 0, in the order of the summary: the TLS port, then the native ones. */
  readonly ports: readonly number[];
  /** Shared by all workers, so that a TLS session of one resumes at another. Base64, 48 bytes. */
  readonly ticketKeys: string;
}

export interface WorkerAddresses {
  readonly publicUrl: string;
  /** Protocol kind → `host:port` for clients. */
  readonly native: Readonly<Record<string, string>>;
}

/** One metric family of one process, as prom-client gives it. Opaque to the primary. */
export type MetricFamilies = readonly unknown[];

export type ToPrimary =
  | { readonly kind: 'configured'; readonly summary: GatewaySummary; readonly warnings: readonly string[] }
  | { readonly kind: 'ready'; readonly addresses: WorkerAddresses; readonly policy: string }
  | { readonly kind: 'failed'; readonly error: ErrorBody['error'] }
  | { readonly kind: 'reloaded'; readonly error: ErrorBody['error'] | null }
  | { readonly kind: 'collect-metrics'; readonly request: number }
  | { readonly kind: 'metrics'; readonly collection: number; readonly families: MetricFamilies };

export type ToWorker =
  | { readonly kind: 'begin'; readonly assignment: WorkerAssignment }
  | { readonly kind: 'reload' }
  | { readonly kind: 'drain'; readonly deadlineMs: number }
  | { readonly kind: 'send-metrics'; readonly collection: number }
  | { readonly kind: 'metrics-of-all'; readonly request: number; readonly families: readonly MetricFamilies[] };
