/** A log whose process fails before it could say that it writes it: it is given up as it lies on disk. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { AuditTrail } from '../../src/audit/audit-trail.js';
import { LogWriter } from '../../src/audit/log-writer.js';
import { silentLogger } from '../../src/base/logger.js';
import { eventually } from '../store/state-server.js';
import { key, START, withDirectory } from './log-world.js';

/** A log that is signed every millisecond. */
async function open(directory: string, sisters: () => Promise<string[]>): Promise<AuditTrail> {
  const log = await LogWriter.open({ directory, origin: 'bank/0', keys: [key], logger: silentLogger, checkpointMs: 1, retryMs: 1 });
  const clock = { now: () => START, monotonic: () => 0 };
  return AuditTrail.open(
    { log, journal: 'wrk_a', clock, heartbeatMs: 3_600_000, sisters, onError: () => undefined, release: () => Promise.resolve() },
    { version: 'test', keys: [] },
  );
}

it('a log that could not be opened is signed no more', () =>
  withDirectory(async (dir) => {
    const [log, beside] = [join(dir, '0'), join(dir, '1')];
    for (const each of [log, beside]) await (await open(each, () => Promise.resolve([]))).close();
    // What a crash left is said first, and is in the kernel by the time that the sisters cannot be read.
    await writeFile(join(log, 'pending.0.1'), 'torn');
    const noMore = async (): Promise<never> => {
      await turn();
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    };
    await expect(open(log, noMore)).rejects.toMatchObject({ code: 'EMFILE' });
    const [there, signed] = [await readdir(log), await readFile(join(log, 'checkpoint'))];
    // Another one is signed many times meanwhile.
    const lives = await open(beside, () => Promise.resolve([]));
    for (let count = 0; count < 20; count++) {
      const last = await readFile(join(beside, 'checkpoint'));
      lives.append('retention.rules', {});
      await eventually('it is signed', async () => !(await readFile(join(beside, 'checkpoint'))).equals(last));
    }
    await lives.close();
    expect(await readdir(log)).toEqual(there);
    expect(await readFile(join(log, 'checkpoint'))).toEqual(signed);
    // Whoever opens it next has the entry.
    const next = await LogWriter.open({ directory: log, origin: 'bank/0', keys: [key], logger: silentLogger, checkpointMs: 1, retryMs: 1 });
    expect(next.recovery).toEqual({ leaves: 1, unreadableBytes: 0 });
    await next.close();
  }));
