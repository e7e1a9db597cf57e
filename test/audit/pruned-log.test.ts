/** Logs that were pruned, by their files: trees of several levels, timestamps, and keys that were exchanged in what is gone. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogFiles, parseCheckpoint, proveLeaves, pruneLog, publicKeyBytes, signCheckpoint } from '../../src/audit/index.js';
import { checkLogProof } from '../../src/audit/log-proof.js';
import { KEY_TYPE, newSigningKey, readSigningKey, verifierKey } from '../../src/audit/note-key.js';
import { timestampPost } from '../../src/audit/timestamp/timestamp-post.js';
import { readCertificates } from '../../src/audit/timestamp/timestamp-signature.js';
import { systemClock } from '../../src/base/clock.js';
import { createAuditReader } from '../../src/gateway/audit-reader.js';
import { mirrorLogs } from '../../src/gateway/mirror-logs.js';
import { eventually } from '../store/state-server.js';
import { startTimestampAuthority, type TimestampAuthority } from '../support/timestamp-authority.js';
import { claims, key, openTrail, START, session, verify, withDirectory } from './log-world.js';
import { DAY, life, prune } from './pruning-world.js';

const LATE = { at: START + 500 * DAY };

let authority: TimestampAuthority;
beforeAll(async () => {
  authority = await startTimestampAuthority();
});
afterAll(() => authority[Symbol.asyncDispose]());

describe('a pruned log of more than 65,536 entries', () => {
  it(
    'verifies, proves, is copied, and shows every change to the tiles that are left of what is gone',
    () =>
      withDirectory(async (root) => {
        const dir = join(root, 'log');
        await life(dir, 0, 'wrk_a', 1, (trail) => {
          for (let at = 0; at < 70_000; at++) trail.append('log.timestamp_failed', { why: 'so' });
        });
        await life(dir, 0, 'wrk_b', 2, (trail) => session(trail, 'ses_b', 1));
        const first = await prune(dir, 0, 'wrk_c', 400);
        expect(first).toBe(70_002);
        const log = join(dir, '0');
        const gone = Math.floor(first / 256);
        expect((await readdir(join(log, 'tile', 'entries'))).filter((name) => Number.parseInt(name, 10) < gone)).toEqual([]);
        expect((await readdir(join(log, 'tile', '0'))).filter((name) => Number.parseInt(name, 10) < gone)).toEqual([]);
        const report = await verify(dir, LATE);
        expect(report.problems).toEqual([]);
        expect(report.logs).toMatchObject([{ first }]);
        const proof = await proveLeaves([log], ({ data }) => data['session'] === 'ses_b');
        expect(checkLogProof(proof, [publicKeyBytes(key)])).toHaveLength(4);
        await mirrorLogs(createAuditReader(root), join(root, 'copy'));
        expect((await verify(join(root, 'copy', 'log'), LATE)).problems).toEqual([]);
        const upper = (await readdir(join(log, 'tile'), { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile() && /\/tile\/[12]/.test(entry.parentPath))
          .map((entry) => join(entry.parentPath, entry.name));
        expect(upper.length).toBeGreaterThanOrEqual(3);
        for (const file of upper) {
          const bytes = await readFile(file);
          const changed = Buffer.from(bytes);
          changed[3] = (changed[3] as number) ^ 1;
          await writeFile(file, changed);
          expect(await claims(dir, LATE), file).toEqual(expect.arrayContaining([expect.stringMatching(/^(tile|checkpoint)$/)]));
          await rm(file);
          expect(await claims(dir, LATE), file).toContain('tile');
          await writeFile(file, bytes);
        }
        expect(await claims(dir, LATE)).toEqual([]);
      }),
    60_000,
  );
});

describe('a pruned log with timestamps', () => {
  it('keeps those of what is kept, and no word of the others is missed', () =>
    withDirectory(async (dir) => {
      const settings = { roots: readCertificates(authority.ca, 'x'), ask: timestampPost(authority.url, null), everyMs: 1, retryMs: 20 };
      const sizes = async (): Promise<number[]> =>
        [...new Set((await readdir(join(dir, '0', 'timestamp'))).map((name) => Number.parseInt(name, 10)))].sort((a, b) => a - b);
      for (const journal of ['wrk_a', 'wrk_b']) {
        const trail = await openTrail(dir, 0, journal, systemClock, settings);
        await eventually('what it began with is stamped', async () => {
          const begin = await newestBegin(dir, journal);
          return begin !== null && existsSync(join(dir, '0', 'timestamp')) && (await sizes()).some((size) => size > begin);
        });
        for (let number = 1; number <= 100; number++) session(trail, `ses_${journal}${number}`, number);
        await trail.close();
      }
      // A year later.
      const later = { now: () => Date.now() + 400 * DAY, monotonic: () => 0 };
      const trail = await openTrail(dir, 0, 'wrk_c', later);
      const first = (await newestBegin(dir, 'wrk_b')) ?? 0;
      const before = await sizes();
      trail.append('retention.rules', { recordings: 1, approvals: 1, index: 1, log: 90 * DAY, targets: [] });
      for (const session of Array.from({ length: 100 }, (_, at) => `ses_wrk_a${at + 1}`)) {
        const ends = { session, journalOfSession: 'wrk_a', target: 'db', issuer: '', subject: 'alice' };
        trail.append('session.expire', { ...ends, endedAt: new Date().toISOString(), keepMs: 1, knownTime: new Date(later.now()).toISOString() });
      }
      const knownTime = new Date(Date.now() + 399 * DAY).toISOString();
      await pruneLog(join(dir, '0'), await trail.announcePruning({ first, keepMs: 90 * DAY, knownTime, holds: [] }));
      await trail.close();
      expect(before[0]).toBeLessThan(first);
      expect(before.at(-1)).toBeGreaterThanOrEqual(first);
      expect(await sizes()).toEqual(before.filter((size) => size >= first));
      const report = await verify(dir, { authorities: readCertificates(authority.ca, 'x'), at: Date.now() + 500 * DAY });
      expect(report.problems).toEqual([]);
      expect(report.logs).toMatchObject([{ first, timestamps: before.filter((size) => size >= first).length }]);
    }));
});

/** Index of the beginning of a process. */
async function newestBegin(dir: string, journal: string): Promise<number | null> {
  const files = new LogFiles(join(dir, '0'));
  const size = Number((await readFile(join(dir, '0', 'checkpoint'), 'utf8')).split('\n')[1]);
  for await (const { index, leaf } of files.leaves(size)) {
    const { kind, journal: by } = JSON.parse(leaf.toString()) as { kind: string; journal: string };
    if (kind === 'log.open' && by === journal) return index;
  }
  return null;
}

describe('a pruned log whose signing key was replaced before', () => {
  it('still says who signs, and does not count the key that was replaced', () =>
    withDirectory(async (dir) => {
      const next = readSigningKey(newSigningKey(), 'The next key');
      const name = (each: typeof key): string => verifierKey('bank/0', KEY_TYPE.log, publicKeyBytes(each));
      const after = { signer: next, predecessors: [publicKeyBytes(key)], names: [name(next)] };
      await life(
        dir,
        0,
        'wrk_a',
        1,
        (trail) => {
          for (let at = 0; at < 600; at++) trail.append('log.timestamp_failed', { why: 'so' });
        },
        { names: [name(key)] },
      );
      await life(dir, 0, 'wrk_b', 2, undefined, after);
      expect(await prune(dir, 0, 'wrk_c', 400, after)).toBeGreaterThan(512);
      const successors = new Map([[publicKeyBytes(key).toString('hex'), publicKeyBytes(next).toString('hex')]]);
      const chain = { keys: [publicKeyBytes(key), publicKeyBytes(next)], successors };
      expect(await claims(dir, { ...LATE, ...chain })).toEqual([]);
      expect(await claims(dir, { ...LATE, keys: [publicKeyBytes(key)] })).toEqual(['signature']);
      // The old key alone signs the same tree: the entries that are kept name the other one.
      const parsed = parseCheckpoint(await readFile(join(dir, '0', 'checkpoint')));
      if (parsed === null) throw new TypeError('no checkpoint');
      await writeFile(join(dir, '0', 'checkpoint'), signCheckpoint(parsed.checkpoint, [key]));
      expect(await claims(dir, { ...LATE, ...chain })).toEqual(['signature']);
    }));
});
