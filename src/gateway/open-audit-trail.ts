/**
 * Opens a log for a worker. A gateway has one log for each worker that runs at the same time, `log/0`, `log/1`, … below its data directory; a
 * worker takes the first one that no living process holds and continues it, so logs outlive the processes that write them. Each says in
 * its heartbeats how far the others are: that is the root over all of them, in leaves.
 */
import type { KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  AuditTrail,
  endedInOrder,
  KEY_TYPE,
  LogWriter,
  parseRotation,
  publicKeyBytes,
  readCertificates,
  readRotations,
  type TimestampSettings,
  timestampPost,
  verifierKey,
} from '../audit/index.js';
import type { Clock } from '../base/clock.js';
import { syncDirectories } from '../base/durable-file.js';
import { errorCode } from '../base/error-code.js';
import { takeLockFile } from '../base/lock-file.js';
import type { Logger } from '../base/logger.js';
import { noSuchDirectory } from '../base/no-such-directory.js';
import type { GatewayConfig } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import { readGatewayConfig } from './live-config.js';
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

/** The logs of a gateway in its data directory or a copy of it, which `flag` named. @throws GwError `usage.invalid` when there is none */
export async function logsBelow(from: string, flag: string): Promise<string[]> {
  const logs = await listLogs(logDirectory(from));
  if (logs.length > 0) return logs;
  throw new GwError('usage.invalid', `There is no audit log in ${logDirectory(from)}.`, { hint: `Name the data directory of the gateway with \`${flag}\`.` });
}

export function logOrigin(gateway: string, directory: string): string {
  return `${gateway}/${directory.slice(directory.lastIndexOf('/') + 1)}`;
}

/** The name of the gateway that a log is of. */
export function gatewayOf(origin: string): string {
  return origin.slice(0, Math.max(0, origin.lastIndexOf('/')));
}

/** @throws GwError `audit.invalid` when a log cannot be continued, `config.invalid` for its keys, `recording.failed` */
export async function openAuditTrail(settings: AuditTrailSettings): Promise<AuditTrail> {
  const keys = await signers(settings);
  const timestamps = await timestampSettings(settings.config);
  const directory = logDirectory(settings.config.gateway.dataDir);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    // The name of the directory of all logs, and of the key beside it: else what is synced below goes with it.
    await syncDirectories(dirname(directory), []);
    return await openLog(settings, keys, await claim(directory), timestamps);
  } catch (cause) {
    if (cause instanceof GwError) throw cause;
    throw new GwError('recording.failed', `The audit log below ${directory} cannot be written (${errorCode(cause)}), so the gateway does not start.`, {
      cause,
      hint: 'See that the disk has room and can be written by the account of the gateway.',
    });
  }
}

/** @throws GwError `config.invalid` when the certificates of the authority cannot be read */
async function timestampSettings({ audit: { timestamps } }: GatewayConfig): Promise<TimestampSettings | null> {
  if (timestamps === null) return null;
  const { url, authority, ca, everyMs, retryMs } = timestamps;
  const roots = readCertificates(await readFile(authority, 'utf8'), `${authority} (audit.timestamps.authority)`);
  return { roots, ask: timestampPost(url, ca), everyMs, retryMs };
}

/** Ends the logs of processes that died and whose place nobody took: a log without an end would be one that lost its tail, for ever. */
export function closeAbandonedLogs(settings: AuditTrailSettings): Promise<void> {
  return visitIdleLogs(
    settings,
    async (directory) => !(await endedInOrder(directory)),
    () => Promise.resolve(),
  );
}

/** Opens each log that nobody writes and that is `wanted`, has something done with it, and closes it again. What fails is left as it is, and logged. */
export async function visitIdleLogs(
  settings: AuditTrailSettings,
  wanted: (directory: string) => Promise<boolean>,
  act: (trail: AuditTrail) => Promise<void>,
): Promise<void> {
  const keys = await signers(settings);
  for (const directory of await listLogs(logDirectory(settings.config.gateway.dataDir))) {
    const attempt = await takeLockFile(join(directory, 'lock'));
    if (attempt.kind !== 'taken') continue;
    try {
      if (!(await wanted(directory))) {
        await attempt.release();
        continue;
      }
      const trail = await openLog(settings, keys, { directory, release: attempt.release }, null);
      await act(trail).finally(() => trail.close());
    } catch (err) {
      settings.logger.error({ err, directory }, 'the audit log of an earlier process could not be ended or pruned; it is left as it is');
      await attempt.release();
    }
  }
}

interface Signers {
  readonly keys: readonly KeyObject[];
  /** Public keys that the newest of them replaced. */
  readonly predecessors: readonly Buffer[];
  /** Number of statements that led to it. */
  readonly rotation: number;
}

/** @throws GwError `config.invalid` when the key that the newest statement names is not one of those that the gateway has */
async function signers({ config, clock }: AuditTrailSettings): Promise<Signers> {
  const statements = await readRotations(logDirectory(config.gateway.dataDir));
  const keys = await loadSigningKeys(config, clock.now());
  const newest = statements.map(parseRotation).at(-1);
  if (newest !== undefined && !keys.some((key) => newest?.to.equals(publicKeyBytes(key)) === true))
    throw new GwError(
      'config.invalid',
      `The signing key of the audit log was replaced (rotation ${statements.length}), and the gateway does not have the new one.`,
      {
        hint: 'Name the new key first in `audit.keys`, or restore `audit-key` in the data directory.',
      },
    );
  return { keys, predecessors: statements.flatMap((each) => parseRotation(each)?.from ?? []), rotation: statements.length };
}

interface ClaimedLog {
  readonly directory: string;
  readonly release: () => Promise<void>;
}

async function openLog(
  settings: AuditTrailSettings,
  signing: Signers,
  { directory, release }: ClaimedLog,
  timestamps: TimestampSettings | null,
): Promise<AuditTrail> {
  const { config, journal, version, clock, logger } = settings;
  const dir = logDirectory(config.gateway.dataDir);
  const origin = logOrigin(config.gateway.name, directory);
  const names = (keys: readonly KeyObject[]): string[] => keys.map((key) => verifierKey(origin, KEY_TYPE.log, publicKeyBytes(key)));
  let { rotation } = signing;
  const log = await LogWriter.open({ directory, origin, ...signing, logger, checkpointMs: config.audit.checkpointMs, retryMs: RETRY_MS });
  return AuditTrail.open(
    {
      log,
      journal,
      clock,
      heartbeatMs: config.audit.heartbeatMs,
      sisters: async () => (await listLogs(dir)).filter((each) => each !== directory),
      onError: (err) => logger.error({ err, log: origin }, 'the audit log could not take an entry of its own'),
      release,
      newKeys: async () => {
        if ((await readRotations(dir)).length === rotation) return null;
        // Keys may have been configured since this process started.
        const { config: now } = await readGatewayConfig(config.file);
        const found = await signers({ ...settings, config: { ...config, audit: now.audit } });
        rotation = found.rotation;
        logger.info({ log: origin, rotation }, 'another key signs the audit log');
        return { ...found, names: names(found.keys) };
      },
      ...(timestamps === null ? {} : { timestamps: { ...timestamps, logger } }),
    },
    { version, keys: names(signing.keys), rotation },
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
