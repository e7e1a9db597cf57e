/**
 * Entry point of a worker process. Reads the configuration, tells the primary what it must know, gets its assignment, and runs until the
 * primary drains it. Signals of the terminal go to the whole process group; only the primary acts on them.
 */

import type { GatewayConfig } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import { watchIdleMemory } from './idle-memory.js';
import { readGatewayConfig } from './live-config.js';
import { PrimaryLink } from './primary-link.js';
import { createServiceLogger } from './service-logger.js';
import { type RunningWorker, startWorker } from './worker.js';
import type { GatewaySummary } from './worker-messages.js';

const logger = createServiceLogger({ process: 'worker', pid: process.pid }, 'info');
const link = new PrimaryLink();

function end(code: number): never {
  logger.flush();
  process.exit(code);
}

function summaryOf(config: GatewayConfig): GatewaySummary {
  const { gateway } = config;
  return {
    name: gateway.name,
    workers: gateway.workers,
    dataDir: gateway.dataDir,
    embeddedState: config.state.kind === 'embedded',
    drainTimeoutMs: gateway.drainTimeoutMs,
    logLevel: config.log.level,
    listen: gateway.listen,
    native: gateway.native.map(({ protocol, listen }) => ({ protocol, listen })),
  };
}

async function run(): Promise<RunningWorker> {
  const file = process.argv[2];
  if (file === undefined) throw new GwError('internal.error', 'The worker was given no configuration.');
  const { config, warnings } = await readGatewayConfig(file);
  logger.setLevel(config.log.level);
  link.send({ kind: 'configured', summary: summaryOf(config), warnings });
  const assignment = await link.assignment();
  return startWorker({ config, assignment, logger, metricsOfAll: () => link.metricsOfAll() });
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => logger.debug({ signal }, 'left to the primary'));
process.on('uncaughtException', (err) => {
  logger.error({ err }, 'worker ends: an error that nothing caught');
  end(70);
});

try {
  const worker = await run();
  watchIdleMemory();
  link.handle({
    reload: () => worker.reload(),
    families: () => worker.families(),
    drain: (deadlineMs) => {
      worker.drain(deadlineMs).then(
        () => end(0),
        (err: unknown) => {
          logger.error({ err }, 'the worker did not end cleanly');
          end(1);
        },
      );
    },
  });
  link.send({ kind: 'ready', addresses: worker.addresses, policy: worker.policy });
} catch (thrown) {
  const error = GwError.from(thrown);
  if (error.code === 'internal.error') logger.error({ err: error.cause ?? error }, 'worker could not start');
  link.fail(error);
  // The message must be out before the process ends.
  process.disconnect();
  logger.flush();
}
