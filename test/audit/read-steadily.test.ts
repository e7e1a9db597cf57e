/** A log that moves on under its reader is read again; one that lies still, or never stops, is told as it was seen. */
import { expect, it } from 'vitest';
import { LogWriter } from '../../src/audit/log-writer.js';
import { READ_ATTEMPTS, readSteadily } from '../../src/audit/read-steadily.js';
import { silentLogger } from '../../src/base/logger.js';
import { GwError } from '../../src/contract/gw-error.js';
import { key, withDirectory } from './log-world.js';

const NEVER = 3_600_000;

/** Runs with a log and what makes it grow by one checkpoint. */
function withLog(run: (directory: string, grow: () => Promise<void>) => Promise<void>): Promise<void> {
  return withDirectory(async (directory) => {
    const log = await LogWriter.open({ directory, origin: 'bank/0', keys: [key], logger: silentLogger, checkpointMs: NEVER, retryMs: NEVER });
    const grow = async (): Promise<void> => {
      log.append(Buffer.from(`leaf ${log.size}`));
      log.commit();
      await log.publish();
    };
    await grow();
    await run(directory, grow);
    await log.close();
  });
}
const unreadable = (): never => {
  throw new GwError('audit.invalid', 'A tile is missing.');
};

it('reads again what could not be read, or was not whole, while the log moved', () =>
  withLog(async (directory, grow) => {
    let reads = 0;
    const read = async (): Promise<number> => {
      reads++;
      if (reads < 4) await grow();
      if (reads < 3) unreadable();
      return reads;
    };
    expect(await readSteadily(directory, read, (found) => found > 3)).toBe(4);
  }));

it('reads a log that lies still once, and gives or throws what it found', () =>
  withLog(async (directory) => {
    let reads = 0;
    const read = async (): Promise<number> => Promise.resolve(++reads);
    expect(await readSteadily(directory, read, () => false)).toBe(1);
    await expect(readSteadily(directory, async () => Promise.resolve().then(unreadable))).rejects.toMatchObject({ code: 'audit.invalid' });
    expect(reads).toBe(1);
  }));

it('gives up on a log that never stops, and at once on what is not about the log', () =>
  withLog(async (directory, grow) => {
    let reads = 0;
    const read = async (): Promise<never> => {
      reads++;
      await grow();
      return unreadable();
    };
    await expect(readSteadily(directory, read)).rejects.toMatchObject({ code: 'audit.invalid' });
    expect(reads).toBe(READ_ATTEMPTS);
    const otherwise = async (): Promise<never> => {
      reads++;
      await grow();
      throw new GwError('audit.witness', 'Nobody answers.');
    };
    await expect(readSteadily(directory, otherwise)).rejects.toMatchObject({ code: 'audit.witness' });
    expect(reads).toBe(READ_ATTEMPTS + 1);
  }));
