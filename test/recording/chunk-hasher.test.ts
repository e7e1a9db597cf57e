/** Digests of long streams are the same whether a thread makes them, as where processors are free, or the stream itself, as where none is. */
import { hash, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { Crowd } from '../../src/base/crowd.js';
import { silentLogger } from '../../src/base/logger.js';
import type { ChunkHasher as Hasher } from '../../src/recording/chunk-hasher.js';
import { CHUNK_BYTES } from '../../src/recording/format.js';
import type { StreamDigest as Digest } from '../../src/recording/stream-digest.js';
import { compileRecording } from './compiled-recording.js';

it.each([
  ['free', 0, true],
  ['taken', availableParallelism(), false],
])('where processors are %s', async (_, runnable, handsOver) => {
  await using compiled = await compileRecording();
  const domain = dirname(compiled.recording);
  const { ChunkHasher } = (await import(join(domain, 'chunk-hasher.js'))) as { ChunkHasher: typeof Hasher };
  const { StreamDigest } = (await import(join(domain, 'stream-digest.js'))) as { StreamDigest: typeof Digest };
  const hasher = new ChunkHasher(silentLogger, new Crowd(60_000, () => runnable));
  const probe = hasher.take();
  expect(probe !== null).toBe(handsOver);
  if (probe !== null) hasher.release(probe);
  const content = randomBytes(3 * CHUNK_BYTES + 12_345);
  const stream = new StreamDigest(hasher);
  for (let at = 0, step = 1; at < content.length; at += step, step = (step * 7 + 1) % 70_001) stream.add(content.subarray(at, at + step));
  const digest = await new Promise<Buffer | null>((resolve) => stream.finish(resolve));
  const chunks = Array.from({ length: 4 }, (_each, i) => hash('sha256', content.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES), 'buffer'));
  expect(digest?.toString('hex')).toBe(hash('sha256', Buffer.concat(chunks), 'hex'));
  await hasher.close();
});
