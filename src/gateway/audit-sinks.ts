/**
 * The sinks of this gateway. One worker at a time serves them, for the logs of all workers: whoever holds the lock in `sinks/`; the others stand by and
 * take over when it is gone. Everything it knows is on disk, so a takeover gives again what was not confirmed and leaves out nothing.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { postSignedBody } from '../approval/index.js';
import {
  type AuditLog,
  fileReceiver,
  nativeRecord,
  ocsfRecord,
  type SinkFailure,
  type SinkReceiver,
  SinkRunner,
  sinkStatus,
  syslogReceiver,
  webhookReceiver,
} from '../audit/index.js';
import type { Clock } from '../base/clock.js';
import { makeDirectory } from '../base/durable-file.js';
import { errorCode } from '../base/error-code.js';
import { takeLockFile } from '../base/lock-file.js';
import type { Logger } from '../base/logger.js';
import { pause } from '../base/pause.js';
import { type GatewayConfig, readEnvironment } from '../config/index.js';
import type { SinkStatus } from '../contract/api-types.js';
import type { SinkSettings } from '../contract/settings.js';
import type { JournalKeys } from '../recording/index.js';
import { readSecret } from '../targets/index.js';
import { listLogs, logDirectory } from './open-audit-trail.js';
import { packageVersion } from './package-version.js';
import { createSensitiveSource, type SensitiveSource } from './sensitive-fields.js';

export interface AuditSinksOptions {
  readonly config: GatewayConfig;
  readonly worker: string;
  readonly journalDir: string;
  readonly keys: JournalKeys;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface AuditSinks {
  /** Takes other settings: every sink is begun anew, where it was. */
  reload(sinks: readonly SinkSettings[]): Promise<void>;
  status(): Promise<SinkStatus[]>;
  /** What this process did, by sink. */
  counts(): Readonly<Record<string, { readonly delivered: number; readonly failures: number }>>;
  close(): Promise<void>;
}

/** How often a worker that stands by looks whether it is needed. */
const STANDBY_MS = 2_000;

export function startAuditSinks(options: AuditSinksOptions): AuditSinks {
  const { config, clock, logger } = options;
  const directory = join(config.gateway.dataDir, 'sinks');
  const logs = (): Promise<string[]> => listLogs(logDirectory(config.gateway.dataDir));
  const stop = new AbortController();
  const counts = new Map<string, { delivered: number; failures: number }>();
  let settings = config.sinks;
  let runners: SinkRunner[] | null = null;
  let sources: SensitiveSource[] = [];
  let changing: Promise<unknown> = Promise.resolve();
  /** Why this process can neither serve nor see who does; null: it can. */
  let trouble: SinkFailure | null = null;

  const begin = (): void => {
    runners = settings.map((each) => runnerOf(each));
  };
  const end = async (): Promise<void> => {
    const ended = runners ?? [];
    runners = null;
    await Promise.all(ended.map((each) => each.close()));
    for (const source of sources) source.close();
    sources = [];
    for (const [at, { delivered, failures }] of ended.entries()) {
      const name = settings[at]?.name ?? '';
      const before = counts.get(name) ?? { delivered: 0, failures: 0 };
      counts.set(name, { delivered: before.delivered + delivered, failures: before.failures + failures });
    }
  };
  /** One change of the runners at a time. */
  const change = (work: () => Promise<void>): Promise<void> => {
    const next = changing.then(work);
    changing = next.catch(() => undefined);
    return next;
  };

  const runnerOf = (each: SinkSettings): SinkRunner => {
    const source = each.sensitive ? createSensitiveSource(options.journalDir, options.keys) : null;
    if (source !== null) sources.push(source);
    return new SinkRunner({
      settings: each,
      receiver: receiverOf(each, options),
      directory,
      logs,
      render: async (entry) => {
        const sensitive = (await source?.of(entry)) ?? null;
        return each.format === 'ocsf' ? ocsfRecord(entry, sensitive, packageVersion()) : nativeRecord(entry, sensitive);
      },
      changed: (failing, before) => void told(each.name, failing, before, options),
      clock,
      logger,
    });
  };

  /** Serves to the end, unless another process does. */
  const serve = async (): Promise<void> => {
    await makeDirectory(directory);
    const attempt = await takeLockFile(join(directory, 'lock'));
    if (trouble !== null) logger.info({ attempts: trouble.attempts }, 'the sinks of the audit log can be served by this process again');
    trouble = null;
    if (attempt.kind === 'held') return;
    try {
      await change(() => Promise.resolve(begin()));
      await new Promise<void>((resolve) => {
        if (stop.signal.aborted) resolve();
        else stop.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await change(end);
    } finally {
      await attempt.release();
    }
  };
  /** A disk that is full or a process without descriptors is so for a while only. */
  const failed = (err: unknown): void => {
    const before = trouble;
    const message = `The sinks cannot be served (${errorCode(err)}).`;
    trouble = { since: before?.since ?? new Date(clock.now()).toISOString(), attempts: (before?.attempts ?? 0) + 1, message };
    if (before === null) logger.error({ err }, 'the sinks of the audit log cannot be served by this process; it is tried again');
    else logger.debug({ err }, 'the sinks of the audit log cannot be served by this process yet');
  };
  const keepServing = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      if (settings.length > 0) await serve().catch(failed);
      await pause(STANDBY_MS, stop.signal);
    }
  };
  const serving = keepServing();

  return {
    reload: (next) =>
      change(async () => {
        const active = runners !== null;
        await end();
        settings = next;
        if (active) begin();
      }),
    status: async () => {
      const directories = await logs();
      return Promise.all(settings.map((each) => sinkStatus(directory, each, directories, clock.now(), trouble)));
    },
    counts: () => {
      const all: Record<string, { delivered: number; failures: number }> = {};
      for (const [at, { name }] of settings.entries()) {
        const before = counts.get(name) ?? { delivered: 0, failures: 0 };
        const now = runners?.[at];
        all[name] = { delivered: before.delivered + (now?.delivered ?? 0), failures: before.failures + (now?.failures ?? 0) };
      }
      return all;
    },
    close: async () => {
      stop.abort();
      await serving;
    },
  };
}

function receiverOf({ name, format, to }: SinkSettings, { config, clock }: AuditSinksOptions): SinkReceiver {
  switch (to.kind) {
    case 'file':
      return fileReceiver(to, clock);
    case 'syslog':
      return syslogReceiver(to, { hostName: hostname(), version: packageVersion() });
    case 'webhook':
      return webhookReceiver(to, {
        sink: name,
        gateway: config.gateway.name,
        format,
        post: (receiver, body, headers, at, stopped) => postSignedBody(receiver, body, headers, at, (source) => readSecret(source, readEnvironment), stopped),
        clock,
      });
  }
}

/** That a sink failed, and for how long, is itself evidence. */
async function told(
  sink: string,
  failing: SinkFailure | null,
  before: SinkFailure | null,
  { config, worker, audit, clock, logger }: AuditSinksOptions,
): Promise<void> {
  const about = { gateway: config.gateway.name, worker, sink };
  try {
    if (failing !== null) await audit.record('sink.fail', { ...about, problem: failing.message });
    else if (before !== null) {
      const seconds = Math.max(0, Math.round((clock.now() - Date.parse(before.since)) / 1000));
      await audit.record('sink.recover', { ...about, seconds, attempts: before.attempts });
    }
  } catch (err) {
    logger.error({ err, sink }, 'the state of a sink could not be written to the log');
  }
}
