/** What one log says of another while that one is written: no fork because it moved on under its reader, and a fork when it is one. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkAnchor } from '../../src/audit/check-anchor.js';
import type { Checkpoint } from '../../src/audit/checkpoint.js';
import { LogWriter } from '../../src/audit/log-writer.js';
import { newSigningKey, publicKeyBytes, readSigningKey } from '../../src/audit/note-key.js';
import { silentLogger } from '../../src/base/logger.js';
import { withDirectory } from './log-world.js';

const key = readSigningKey(newSigningKey(), 'The key');
const NEVER = 3_600_000;

function open(directory: string): Promise<LogWriter> {
  return LogWriter.open({ directory, origin: 'bank/1', keys: [key], logger: silentLogger, checkpointMs: NEVER, retryMs: NEVER });
}

async function grow(log: LogWriter, count: number, text = 'leaf'): Promise<Checkpoint> {
  for (let at = 0; at < count; at++) log.append(Buffer.from(`${text} ${log.size}`));
  log.commit();
  await log.publish();
  return log.checkpoint;
}

async function problems(directory: string, verified: Checkpoint, anchor: Checkpoint): Promise<string[]> {
  const found: string[] = [];
  await checkAnchor({ directory, checkpoint: verified, first: 0 }, anchor, [publicKeyBytes(key)], (claim) => found.push(claim));
  return found;
}

describe('a log that is written while it is verified', () => {
  it('is continued through its newest checkpoint: its partial tiles went away, or the other log saw more than was verified', () =>
    withDirectory(async (directory) => {
      const log = await open(directory);
      const early = await grow(log, 1036);
      const verified = await grow(log, 40);
      const later = await grow(log, 500);
      await log.close();
      expect(await problems(directory, verified, early)).toEqual([]);
      expect(await problems(directory, verified, later)).toEqual([]);
    }));

  it('is a fork when it does not go on from what was seen, or from what was verified', () =>
    withDirectory(async (root) => {
      const [directory, other] = [join(root, '1'), join(root, 'other')];
      const log = await open(directory);
      const early = await grow(log, 300);
      await cp(directory, other, { recursive: true });
      const verified = await grow(log, 40);
      const twin = await open(other);
      const forked = await grow(twin, 40, 'other');
      await grow(twin, 300);
      await Promise.all([log.close(), twin.close()]);
      expect(await problems(directory, verified, forked)).toEqual(['fork']);
      // Now the other log lies in its place, longer than what was verified.
      await rm(directory, { recursive: true });
      await cp(other, directory, { recursive: true });
      expect(await problems(directory, verified, early)).toEqual(['fork']);
    }));

  it('is not continued through a checkpoint that another key signed', () =>
    withDirectory(async (directory) => {
      const log = await open(directory);
      const verified = await grow(log, 10);
      const later = await grow(log, 500);
      await log.close();
      const found: string[] = [];
      await checkAnchor({ directory, checkpoint: verified, first: 0 }, later, [publicKeyBytes(readSigningKey(newSigningKey(), 'Another key'))], (claim) =>
        found.push(claim),
      );
      expect(found).toEqual(['fork']);
    }));
});
