/**
 * Opens a log for a worker. A gateway has one log for each worker that runs at the same time, `log/0`, `log/1`, … below its data directory; a
 * worker takes the first one that no living process holds and continues it, so logs outlive the processes that write them. Each says in
 * its heartbeats how far the others are: that is the root over all of them, in leaves.
 */
import type { KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AuditTrail,
  endedInOrder,
  KEY_TYPE,
  LogWriter,
  publicKeyBytes,
  readCertificates,
  type TimestampSettings,
  timestampPost,
  verifierKey,
} from '../audit/index.js';
import type { Clock } from '../base/clock.js';
import { takeLockFile } from '../base/lock-file.js';
import type { Logger } from '../base/logger.js';
import type { GatewayConfig } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import { loadSigningKeys } from './signing-keys.js';

export interface AuditTrailSettings {
  readonly config: GatewayConfig;
  readonly journal: string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** As many as there can be workers. */
const LOGS = 256;
const RETRY_MS = 1_000;
const NUMBER = /^\d{1,3}$/;

/** The directory of all logs of a gateway. */
export function logDirectory(dataDir: string): string {
  return join(dataDir, 'log');
}

/** Directories of the logs that there are, by number. */
export async function listLogs(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(noSuchDirectory);
  const numbers = entries.filter((entry) => entry.isDirectory() && NUMBER.test(entry.name)).map(({ name }) => Number(name));
  return numbers.sort((a, b) => a - b).map((number) => join(dir, String(number)));
}

export function logOrigin(gateway: string, directory: string): string {
  return `${gateway}/${directory.slice(directory.lastIndexOf('/') + 1)}`;
}

/** @throws GwError `audit.invalid` when a log cannot be continued, `config.invalid` for its keys, `recording.failed` */
export async function openAuditTrail(settings: AuditTrailSettings): Promise<AuditTrail> {
  const keys = await loadSigningKeys(settings.config, settings.clock.now());
  const timestamps = await timestampSettings(settings.config);
  return openLog(settings, keys, await claim(logDirectory(settings.config.gateway.dataDir)), timestamps);
}

/** @throws GwError `config.invalid` when the certificates of the authority cannot be read */
async function timestampSettings({ audit: { timestamps } }: GatewayConfig): Promise<TimestampSettings | null> {
  if (timestamps === null) return null;
  const { url, authority, ca, everyMs, retryMs } = timestamps;
  const roots = readCertificates(await readFile(authority, 'utf8'), `${authority} (audit.timestamps.authority)`);
  return { roots, ask: timestampPost(url, ca), everyMs, retryMs };
}

/** Ends the logs of processes that died and whose place nobody took: a log without an end would be one that lost its tail, for ever. */
export async function closeAbandonedLogs(settings: AuditTrailSettings): Promise<void> {
  const keys = await loadSigningKeys(settings.config, settings.clock.now());
  for (const directory of await listLogs(logDirectory(settings.config.gateway.dataDir))) {
    const attempt = await takeLockFile(join(directory, 'lock'));
    if (attempt.kind !== 'taken') continue;
    try {
      if (await endedInOrder(directory)) await attempt.release();
      else await (await openLog(settings, keys, { directory, release: attempt.release }, null)).close();
    } catch (err) {
      settings.logger.error({ err, directory }, 'the audit log of an earlier process could not be ended; it is left as it is');
      await attempt.release();
    }
  }
}

interface ClaimedLog {
  readonly directory: string;
  readonly release: () => Promise<void>;
}

async function openLog(
  { config, journal, version, clock, logger }: AuditTrailSettings,
  keys: readonly KeyObject[],
  { directory, release }: ClaimedLog,
  timestamps: TimestampSettings | null,
): Promise<AuditTrail> {
  const dir = logDirectory(config.gateway.dataDir);
  const origin = logOrigin(config.gateway.name, directory);
  const log = await LogWriter.open({ directory, origin, keys, logger, checkpointMs: config.audit.checkpointMs, retryMs: RETRY_MS });
  return AuditTrail.open(
    {
      log,
      journal,
      clock,
      heartbeatMs: config.audit.heartbeatMs,
      sisters: async () => (await listLogs(dir)).filter((each) => each !== directory),
      onError: (err) => logger.error({ err, log: origin }, 'the audit log could not take an entry of its own'),
      release,
      ...(timestamps === null ? {} : { timestamps: { ...timestamps, logger } }),
    },
    { version, keys: keys.map((key) => verifierKey(origin, KEY_TYPE.log, publicKeyBytes(key))) },
  );
}

/** Nobody may continue a log whose writer lives. */
async function claim(dir: string): Promise<ClaimedLog> {
  for (let number = 0; number < LOGS; number++) {
    const directory = join(dir, String(number));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const attempt = await takeLockFile(join(directory, 'lock'));
    if (attempt.kind === 'taken') return { directory, release: attempt.release };
  }
  throw new GwError('recording.failed', `All ${LOGS} audit logs of this gateway are held by living processes.`);
}

function noSuchDirectory(thrown: unknown): [] {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
  throw thrown;
}
