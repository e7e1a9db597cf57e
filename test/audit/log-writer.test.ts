/** One log on a real file system: what a checkpoint covers, what a process that ends leaves, and what is never signed. */
import { chmod, cp, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isSigned, parseCheckpoint } from '../../src/audit/checkpoint.js';
import { LogFiles } from '../../src/audit/log-files.js';
import { LogWriter, type LogWriterOptions } from '../../src/audit/log-writer.js';
import { newSigningKey, publicKeyBytes, readSigningKey } from '../../src/audit/note-key.js';
import { tilePath } from '../../src/audit/tile-layout.js';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import { leafHash } from '../../src/base/merkle-hash.js';
import { inclusionProof, verifyInclusion } from '../../src/base/merkle-proof.js';
import { eventually } from '../store/state-server.js';
import { FailingSyncs } from '../support/failing-syncs.js';

const key = readSigningKey(newSigningKey(), 'The key');
const NEVER = 3_600_000;

async function withLog(run: (options: LogWriterOptions) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'gw-log-'));
  try {
    await run({ directory: join(root, 'log'), origin: 'bank/0', keys: [key], logger: silentLogger, checkpointMs: NEVER, retryMs: NEVER });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

function add(log: LogWriter, count: number): void {
  for (let at = 0; at < count; at++) log.append(Buffer.from(`leaf ${log.size}`));
  log.commit();
}

async function checkpointOf(directory: string): Promise<{ size: number; root: Buffer }> {
  const parsed = parseCheckpoint(await readFile(join(directory, 'checkpoint')));
  if (parsed === null || !isSigned(parsed.note, 'bank/0', [publicKeyBytes(key)])) throw new Error('no signed checkpoint');
  return parsed.checkpoint;
}

/** Every leaf is there, and in the tree. */
async function expectWhole(directory: string, size: number): Promise<void> {
  const { size: signed, root } = await checkpointOf(directory);
  expect(signed).toBe(size);
  const files = new LogFiles(directory);
  let count = 0;
  for await (const { index, leaf } of files.leaves(size)) {
    expect(leaf.toString()).toBe(`leaf ${index}`);
    if (index % 97 === 0 || index === size - 1) {
      expect(verifyInclusion(index, size, leafHash(leaf), await inclusionProof(index, size, files.subtrees(size)), root)).toBe(true);
    }
    count++;
  }
  expect(count).toBe(size);
}

describe('a log', () => {
  it('proves every leaf under each checkpoint, over the ends of tiles and over restarts', () =>
    withLog(async (options) => {
      let size = 0;
      for (const more of [1, 2, 252, 1, 1, 255, 257, 70_000]) {
        await using log = await opened(options);
        add(log, more);
        size += more;
        await log.publish();
        await expectWhole(options.directory, size);
      }
      expect(await readdir(join(options.directory, 'tile'))).toEqual(expect.arrayContaining(['0', '1', '2', 'entries']));
    }));

  it('keeps one set of partial tiles, and nothing pending when it was closed', () =>
    withLog(async (options) => {
      const log = await LogWriter.open(options);
      for (let turn = 0; turn < 5; turn++) {
        add(log, 1);
        await log.publish();
      }
      await log.close();
      expect((await readdir(options.directory)).sort()).toEqual(['checkpoint', 'tile']);
      expect(await readdir(join(options.directory, 'tile', '0', '000.p'))).toEqual(['5']);
    }));

  it('takes over what a process that died had committed, without any help, and says so', () =>
    withLog(async (options) => {
      const log = await LogWriter.open(options);
      add(log, 3);
      await log.publish();
      add(log, 300);
      // As kill -9 leaves it: committed, not signed.
      const left = `${options.directory}-left`;
      await cp(options.directory, left, { recursive: true });
      await log.close();
      await using again = await opened({ ...options, directory: left });
      expect(again.recovery).toEqual({ leaves: 300, unreadableBytes: 0 });
      await expectWhole(left, 303);
    }));

  it('cuts a torn record off, counts its bytes, and keeps all before it', () =>
    withLog(async (options) => {
      const log = await LogWriter.open(options);
      add(log, 4);
      const left = `${options.directory}-left`;
      await cp(options.directory, left, { recursive: true });
      await log.close();
      const name = (await readdir(left)).find((each) => each.startsWith('pending.')) as string;
      const bytes = await readFile(join(left, name));
      await writeFile(join(left, name), bytes.subarray(0, -5));
      await using again = await opened({ ...options, directory: left });
      expect(again.recovery.leaves).toBe(3);
      expect(again.recovery.unreadableBytes).toBeGreaterThan(0);
      await expectWhole(left, 3);
    }));

  it('is not continued when its tiles, its checkpoint or its key is another', () =>
    withLog(async (options) => {
      const log = await LogWriter.open(options);
      add(log, 5);
      await log.close();
      const damages: Record<string, (directory: string) => Promise<void>> = {
        tile: (directory) => writeFile(join(directory, tilePath({ level: 0, index: 0, width: 5 })), Buffer.alloc(160)),
        checkpoint: async (directory) => {
          const text = await readFile(join(directory, 'checkpoint'), 'utf8');
          await writeFile(join(directory, 'checkpoint'), text.replace('\n5\n', '\n4\n'));
        },
        gone: (directory) => rm(join(directory, 'checkpoint')),
      };
      for (const [name, damage] of Object.entries(damages)) {
        const directory = `${options.directory}-${name}`;
        await cp(options.directory, directory, { recursive: true });
        await damage(directory);
        await expect(LogWriter.open({ ...options, directory }), name).rejects.toMatchObject({ code: 'audit.invalid' });
      }
      const stranger = readSigningKey(newSigningKey(), 'The key');
      await expect(LogWriter.open({ ...options, keys: [stranger] })).rejects.toMatchObject({ code: 'audit.invalid' });
      await using rotated = await opened({ ...options, keys: [stranger, key] });
      add(rotated, 1);
      await rotated.publish();
      await expectWhole(options.directory, 6);
    }));

  it('signs nothing when its checkpoint was put back while it ran, and refuses leaves from then on', () =>
    withLog(async (options) => {
      const log = await LogWriter.open(options);
      add(log, 5);
      await log.publish();
      const old = await readFile(join(options.directory, 'checkpoint'));
      add(log, 5);
      await log.publish();
      await writeFile(join(options.directory, 'checkpoint'), old);
      add(log, 1);
      await expect(log.publish()).rejects.toMatchObject({ code: 'recording.failed' });
      expect(log.healthy).toBe(false);
      expect(() => log.append(Buffer.from('x'))).toThrowError(expect.objectContaining({ code: 'recording.failed' }));
      expect(await readFile(join(options.directory, 'checkpoint'))).toEqual(old);
      await expect(log.close()).rejects.toMatchObject({ code: 'recording.failed' });
    }));

  it('refuses leaves while its directory cannot be written, and signs all it accepted when it can again', () =>
    withLog(async (options) => {
      let attempts = 0;
      const logger: Logger = { ...silentLogger, debug: () => void attempts++ };
      await using log = await opened({ ...options, retryMs: 1, logger });
      add(log, 2);
      await writeFile(join(options.directory, 'tile'), 'in the way');
      await expect(log.publish()).rejects.toMatchObject({ code: 'recording.failed' });
      expect(log.healthy).toBe(false);
      expect(() => add(log, 1)).toThrowError(expect.objectContaining({ code: 'recording.failed' }));
      log.append(Buffer.from('leaf 2'), true);
      await eventually('many attempts', () => attempts > 100);
      // Of all attempts, the files of the last one.
      expect((await readdir(options.directory)).filter((name) => name.startsWith('pending.')).length).toBeLessThanOrEqual(4);
      const open = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
      expect(open.filter((path) => path.startsWith(join(options.directory, 'pending.'))).length).toBeLessThanOrEqual(4);
      await rm(join(options.directory, 'tile'));
      await eventually('it is written again', () => log.healthy);
      await expectWhole(options.directory, 3);
    }));

  it('goes on after a disk that took the checkpoint and failed before it said so, however often, and leaves no tile of those attempts', () =>
    withLog(async (options) => {
      await using log = await opened({ ...options, retryMs: 1 });
      add(log, 2);
      await log.publish();
      const signed = async (): Promise<number> => (await checkpointOf(options.directory)).size;
      {
        const failed: number[] = [];
        using _disk = await FailingSyncs.begin(async (names) => {
          if (failed.length === 3 || !names.includes('checkpoint')) return false;
          const size = await signed();
          // The second attempt fails before its checkpoint is there. The last one covers no more than the third.
          if (size !== log.size && failed.length !== 1) return false;
          if (failed.push(size) < 3) log.append(Buffer.from(`leaf ${log.size}`), true);
          return true;
        });
        add(log, 1);
        await expect(log.publish()).rejects.toMatchObject({ code: 'recording.failed' });
        expect(log.healthy).toBe(false);
        await eventually('it is written again', () => log.healthy);
        expect(failed).toEqual([3, 3, 5]);
      }
      await expectWhole(options.directory, 5);
      expect(await readdir(join(options.directory, 'tile', '0', '000.p'))).toEqual(['5']);
      expect(await readdir(join(options.directory, 'tile', 'entries', '000.p'))).toEqual(['5']);
      add(log, 1);
      await log.publish();
      await expectWhole(options.directory, 6);
    }));

  it('has every leaf it took, should its process die between attempts to write them', () =>
    withLog(async (options) => {
      let attempts = 0;
      const logger: Logger = { ...silentLogger, debug: () => void attempts++ };
      const log = await LogWriter.open({ ...options, retryMs: 1, logger });
      add(log, 2);
      await writeFile(join(options.directory, 'tile'), 'in the way');
      await expect(log.publish()).rejects.toMatchObject({ code: 'recording.failed' });
      for (let index = 2; index < 5; index++) {
        log.append(Buffer.from(`leaf ${index}`), true);
        const before = attempts;
        await eventually('it tries again', () => attempts > before + 1);
      }
      await log.abandon();
      await rm(join(options.directory, 'tile'));
      await using again = await opened(options);
      expect(again.recovery).toEqual({ leaves: 5, unreadableBytes: 0 });
      await expectWhole(options.directory, 5);
    }));

  it('writes no more after it could not be opened, also when it could be written again', () =>
    withLog(async (options) => {
      const log = await LogWriter.open(options);
      add(log, 3);
      const directory = `${options.directory}-left`;
      await cp(options.directory, directory, { recursive: true });
      await log.close();
      await writeFile(join(directory, 'tile'), 'in the way');
      await expect(LogWriter.open({ ...options, directory, retryMs: 1 })).rejects.toMatchObject({ code: 'recording.failed' });
      await rm(join(directory, 'tile'));
      const there = await readdir(directory);
      await hasRetried({ ...options, directory: `${options.directory}-beside` });
      expect(await readdir(directory)).toEqual(there);
      await using again = await opened({ ...options, directory });
      expect(again.recovery).toEqual({ leaves: 3, unreadableBytes: 0 });
      await expectWhole(directory, 3);
    }));

  it('takes no leaf that an entry bundle cannot hold', () =>
    withLog(async (options) => {
      await using log = await opened(options);
      expect(() => log.append(Buffer.alloc(65_536))).toThrowError(expect.objectContaining({ code: 'recording.failed' }));
      log.append(Buffer.from('leaf 0'));
      log.commit();
      await log.synced();
      await log.publish();
      await chmod(options.directory, 0o700);
      await expectWhole(options.directory, 1);
    }));
});

/** Resolves when a log that cannot be written has tried again for so long that any other would have, too. */
async function hasRetried(options: LogWriterOptions): Promise<void> {
  let attempts = 0;
  const logger: Logger = { ...silentLogger, debug: () => void attempts++ };
  await using log = await opened({ ...options, retryMs: 1, logger });
  await writeFile(join(options.directory, 'tile'), 'in the way');
  add(log, 1);
  await expect(log.publish()).rejects.toMatchObject({ code: 'recording.failed' });
  await eventually('many attempts', () => attempts > 100);
  await rm(join(options.directory, 'tile'));
  await eventually('it is written again', () => log.healthy);
}

async function opened(options: LogWriterOptions): Promise<LogWriter & AsyncDisposable> {
  const log = await LogWriter.open(options);
  return Object.assign(log, { [Symbol.asyncDispose]: () => log.close() });
}
