/**
 * Prometheus metrics of one worker, and their sum over all. What is counted on the data path are plain numbers; they are read when
 * somebody scrapes. Labels never hold a name of a person, a session or a statement: their number must stay small.
 */

import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { SinkStatus } from '../contract/api-types.js';
import type { AuditSinks } from './audit-sinks.js';
import type { MetricFamilies } from './worker-messages.js';

export interface MetricSources {
  /** Plain counters of the path by name; read, never reset. */
  readonly counters: () => Readonly<Record<string, number>>;
  readonly liveSessions: () => number;
  readonly journalHealthy: () => boolean;
  readonly storeWaiting: () => number;
  readonly refusedConnections: () => number;
  readonly certificateValidUntil: () => number;
  /** Newest timestamp of the log, milliseconds since the epoch, and whether its authority gives none now; null: none is asked. */
  readonly timestamps: () => { readonly last: number; readonly failing: boolean } | null;
  readonly sinks: Pick<AuditSinks, 'status' | 'counts'>;
}

export interface WorkerMetrics {
  observeRequest(request: { readonly method: string; readonly route: string; readonly status: number; readonly seconds: number }): void;
  families(): Promise<MetricFamilies>;
}

const SECONDS = [0.005, 0.025, 0.1, 0.5, 2.5, 10];

export function createWorkerMetrics(sources: MetricSources): WorkerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Histogram({
    name: 'gw_api_request_duration_seconds',
    help: 'API requests by route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  });
  gauge('gw_sessions_live', 'Sessions that are open.', sources.liveSessions);
  gauge('gw_journal_unhealthy', 'Worker processes that cannot write their journal.', () => (sources.journalHealthy() ? 0 : 1));
  gauge('gw_store_waiting', 'Session rows that wait for the state database.', sources.storeWaiting);
  gauge('gw_workers', 'Worker processes that answered.', () => 1);
  gauge('process_resident_memory_bytes', 'Resident memory of all worker processes.', () => process.memoryUsage.rss());
  gauge('gw_certificate_valid_until_seconds', 'End of the TLS certificate, Unix time.', () => sources.certificateValidUntil() / 1000, 'min');
  if (sources.timestamps() !== null) {
    gauge(
      'gw_audit_timestamp_seconds',
      'Time of the oldest newest timestamp of the audit logs, Unix time.',
      () => (sources.timestamps()?.last ?? 0) / 1000,
      'min',
    );
    gauge('gw_audit_timestamp_failing', 'Worker processes whose timestamp authority gives none.', () => (sources.timestamps()?.failing === true ? 1 : 0));
  }
  counted('gw_refused_connections_total', 'Connections to the TLS port that were over the limits.', () => ({ '': sources.refusedConnections() }));
  counted('gw_path_events_total', 'What happened on the path, by event.', sources.counters, 'event');

  counted('gw_sink_delivered_total', 'Entries that sinks took, by sink.', () => countsOf('delivered'), 'sink');
  counted('gw_sink_failures_total', 'Attempts that sinks did not take, by sink.', () => countsOf('failures'), 'sink');
  sinkGauge('gw_sink_waiting', 'Entries of the audit log that a sink does not have yet.', ({ waiting }) => waiting);
  sinkGauge('gw_sink_failing', '1 while a sink does not take entries.', ({ state }) => (state === 'failing' ? 1 : 0));
  sinkGauge('gw_sink_oldest_seconds', 'Age of the oldest entry that a sink does not have yet.', ({ oldest }) =>
    oldest === null ? 0 : Math.max(0, (Date.now() - Date.parse(oldest)) / 1000),
  );

  function countsOf(count: 'delivered' | 'failures'): Record<string, number> {
    return Object.fromEntries(Object.entries(sources.sinks.counts()).map(([name, counts]) => [name, counts[count]]));
  }

  /** Every process reads the same of the disk. */
  function sinkGauge(name: string, help: string, read: (status: SinkStatus) => number): void {
    new Gauge({
      name,
      help,
      registers,
      labelNames: ['sink'],
      aggregator: 'max',
      async collect() {
        this.reset();
        for (const status of await sources.sinks.status().catch(() => [])) this.set({ sink: status.name }, read(status));
      },
    });
  }

  function gauge(name: string, help: string, read: () => number, aggregator: 'sum' | 'min' = 'sum'): void {
    new Gauge({
      name,
      help,
      registers,
      aggregator,
      collect() {
        this.set(read());
      },
    });
  }

  function counted(name: string, help: string, read: () => Readonly<Record<string, number>>, label?: string): void {
    new Counter({
      name,
      help,
      registers,
      labelNames: label === undefined ? [] : [label],
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(read())) {
          if (label === undefined) this.inc(count);
          else this.inc({ [label]: value }, count);
        }
      },
    });
  }

  return {
    observeRequest: ({ method, route, status, seconds }) => requests.observe({ method, route, status: String(status) }, seconds),
    families: () => registry.getMetricsAsJSON(),
  };
}

/** The Prometheus text of all workers together. */
export async function aggregateMetrics(families: readonly MetricFamilies[]): Promise<{ readonly contentType: string; readonly text: string }> {
  // The parameter's type asks for prom-client's own objects; what crossed the process boundary are the same as plain data.
  const registry = AggregatorRegistry.aggregate(families as Parameters<typeof AggregatorRegistry.aggregate>[0]);
  return { contentType: registry.contentType, text: await registry.metrics() };
}
