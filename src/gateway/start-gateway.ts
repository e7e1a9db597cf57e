/**
 * Starts a gateway: this process supervises, worker processes carry everything else. The primary imports as little as it can; what it
 * must know of the configuration the first worker tells it. It installs no signal handlers: the command that runs it does.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { makeDirectory } from '../base/durable-file.js';
import { fileProblem } from '../base/file-problem.js';
import { ownProgram } from '../base/own-program.js';
import { type ErrorBody, GwError } from '../contract/gw-error.js';
import { type DirectoryLock, lockDirectory } from '../store/directory-lock.js';
import { type EmbeddedState, startEmbeddedState } from './embedded-state.js';
import { freePorts } from './free-ports.js';
import { watchIdleMemory } from './idle-memory.js';
import { createServiceLogger, type ServiceLogger } from './service-logger.js';
import { WorkerPool } from './worker-pool.js';

/**
 * The young generation of a worker stays small: the data path makes next to no garbage, and a large one is never given back. One arena of the C allocator for each
 * core is enough and keeps freed memory from being scattered over many.
 */
const WORKER_FLAGS: readonly string[] = ['--max-semi-space-size=4'];
const WORKER_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '2' };

export interface StartGatewayOptions {
  readonly configFile: string;
}

export interface RunningGateway {
  /** Where users reach it: the configured public URL, or that of the bound port. */
  readonly url: string;
  /** Protocol kind → `host:port` of its native listener. */
  readonly native: Readonly<Record<string, string>>;
  readonly pid: number;
  /** Process ids of the workers that are ready. */
  workers(): number[];
  /** Reads configuration, policy and certificate again. Gives what was wrong with them; then the old ones stay in force. */
  reload(): Promise<ErrorBody['error'] | null>;
  /**
   * Ends the gateway: readiness turns red, no new sessions, live ones get until the configured drain timeout (or `deadlineMs`). A second
   * call with a shorter deadline hurries the first. Resolves when every process of it is gone.
   */
  stop(deadlineMs?: number): Promise<void>;
}

/** @throws GwError `config.invalid` | `policy.invalid` | `gateway.listen` | `gateway.start` | `store.*` | `recording.failed` */
export async function startGateway(options: StartGatewayOptions): Promise<RunningGateway> {
  const logger = createServiceLogger({ process: 'primary', pid: process.pid }, 'info');
  let state: EmbeddedState | null = null;
  let lock: DirectoryLock | null = null;
  const pool = new WorkerPool({
    script: ownProgram('gateway/worker-main'),
    args: [options.configFile],
    execArgv: WORKER_FLAGS,
    env: WORKER_ENVIRONMENT,
    logger,
    prepare: async (summary) => {
      logger.setLevel(summary.logLevel);
      lock = await lockDataDir(summary.dataDir);
      const ports = await freePorts([summary.listen, ...summary.native.map(({ listen }) => listen)]);
      if (summary.embeddedState) state = await startEmbeddedState(summary.dataDir, logger);
      return { stateUrl: state?.url.expose() ?? null, ports, ticketKeys: randomBytes(48).toString('base64') };
    },
  });
  const release = async (deadlineMs: number): Promise<void> => {
    await pool.drain(deadlineMs);
    await state?.stop();
    await lock?.release();
    logger.flush();
  };
  try {
    const { summary, addresses, policy } = await pool.start();
    watchIdleMemory();
    logger.info({ gateway: summary.name, url_public: addresses.publicUrl, native: addresses.native, workers: pool.pids, policy }, 'gateway ready');
    return running(pool, addresses, summary.drainTimeoutMs, release, logger);
  } catch (thrown) {
    await release(0);
    throw GwError.from(thrown);
  }
}

/** One gateway at a time: a second one would take the first one's journals for those of a dead process. */
async function lockDataDir(dataDir: string): Promise<DirectoryLock> {
  try {
    await makeDirectory(dataDir);
    return await lockDirectory(join(dataDir, 'gateway.lock'), `The data directory ${dataDir}`);
  } catch (thrown) {
    if (thrown instanceof GwError) throw thrown;
    throw new GwError('gateway.start', `The data directory ${dataDir} cannot be written: ${fileProblem(thrown)}.`, { cause: thrown });
  }
}

function running(
  pool: WorkerPool,
  addresses: { readonly publicUrl: string; readonly native: Readonly<Record<string, string>> },
  drainTimeoutMs: number,
  release: (deadlineMs: number) => Promise<void>,
  logger: ServiceLogger,
): RunningGateway {
  let stopped: Promise<void> | null = null;
  return {
    url: addresses.publicUrl,
    native: addresses.native,
    pid: process.pid,
    workers: () => pool.pids,
    reload: async () => {
      const error = await pool.reload();
      if (error === null) logger.info({}, 'configuration, policy and certificate were read again');
      else logger.error({ code: error.code, problem: error.message }, 'reload refused; what was in force stays in force');
      return error;
    },
    stop: (deadlineMs = drainTimeoutMs) => {
      if (stopped === null) {
        logger.info({ deadlineMs }, 'gateway stopping');
        stopped = release(deadlineMs);
      } else {
        pool.hurry(deadlineMs);
      }
      return stopped;
    },
  };
}
