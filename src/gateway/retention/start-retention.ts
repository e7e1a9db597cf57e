/** Retention as the gateway runs it: a pass soon after the start and then every hour, in one worker, while the others prune their own logs; and on demand, in whichever worker is asked. */
import type { RetentionDesk } from '../../api/index.js';
import { GwError } from '../../contract/gw-error.js';
import { RetentionEngine, type RetentionOptions } from './retention-engine.js';

const FIRST_MS = 60_000;
const EVERY_MS = 3_600_000;

export interface Retention extends RetentionDesk {
  /** Resolves when a pass that runs has ended, and how much time has passed is in the log. */
  close(): Promise<void>;
}

/** @param regular whether this worker looks at everything by itself; each prunes the log that it writes */
export async function startRetention(options: RetentionOptions, regular: boolean): Promise<Retention> {
  const { logger, rules } = options;
  const engine = await RetentionEngine.open(options);
  let running: Promise<unknown> = Promise.resolve();
  const run = (dryRun: boolean): ReturnType<RetentionEngine['run']> => {
    const pass = engine.run(dryRun);
    running = pass.catch(() => null);
    return pass;
  };
  const look = (): void => {
    run(false).then(
      ({ recordings, segments, index, approvals, entries }) => {
        if (recordings + segments + index + approvals + entries > 0)
          logger.info({ recordings, segments, index, approvals, entries }, 'records ended because their time was over');
      },
      (err: unknown) => {
        if (!(err instanceof GwError && err.code === 'record.busy')) logger.error({ err }, 'records whose time is over could not be ended; trying again');
      },
    );
  };
  const pruneOwn = (): void => {
    running = engine.pruneOwnLog().then(
      (entries) => {
        if (entries > 0) logger.info({ entries }, 'entries of the audit log were pruned because their time was over');
      },
      (err: unknown) => logger.error({ err }, 'entries of the audit log whose time is over could not be pruned; trying again'),
    );
  };
  const first = setTimeout(regular ? look : pruneOwn, FIRST_MS);
  const timer = setInterval(regular ? look : pruneOwn, EVERY_MS);
  first.unref();
  timer.unref();
  return {
    rules,
    run,
    close: async () => {
      clearTimeout(first);
      clearInterval(timer);
      await running;
      if (regular) await engine.close().catch((err: unknown) => logger.warn({ err }, 'how much time has passed could not be written to the audit log'));
    },
  };
}
