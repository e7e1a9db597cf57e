/** Retention as the gateway runs it: a pass soon after the start and then every hour, in one worker; and on demand, in whichever worker is asked. */
import type { RetentionDesk } from '../../api/index.js';
import { GwError } from '../../contract/gw-error.js';
import { RetentionEngine, type RetentionOptions } from './retention-engine.js';

const FIRST_MS = 60_000;
const EVERY_MS = 3_600_000;

export interface Retention extends RetentionDesk {
  /** Resolves when a pass that runs has ended, and how much time has passed is in the log. */
  close(): Promise<void>;
}

/** @param regular whether this worker looks by itself */
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
      ({ recordings, segments, index, approvals }) => {
        if (recordings + segments + index + approvals > 0) logger.info({ recordings, segments, index, approvals }, 'records ended because their time was over');
      },
      (err: unknown) => {
        if (!(err instanceof GwError && err.code === 'record.busy')) logger.error({ err }, 'records whose time is over could not be ended; trying again');
      },
    );
  };
  const first = regular ? setTimeout(look, FIRST_MS) : null;
  const timer = regular ? setInterval(look, EVERY_MS) : null;
  first?.unref();
  timer?.unref();
  return {
    rules,
    run,
    close: async () => {
      if (first !== null) clearTimeout(first);
      if (timer !== null) clearInterval(timer);
      await running;
      if (regular) await engine.close().catch((err: unknown) => logger.warn({ err }, 'how much time has passed could not be written to the audit log'));
    },
  };
}
