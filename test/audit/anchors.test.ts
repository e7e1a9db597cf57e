/** Logs say of each other how far they are, again and again: a log that was written anew in between is found, also when all that was said since fits. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AnchorBook } from '../../src/audit/anchor-book.js';
import type { AuditLeaf } from '../../src/audit/audit-leaf.js';
import { brokenAnchor } from '../../src/audit/broken-anchor.js';
import { GrowingRoot } from '../../src/audit/growing-root.js';
import { KEY_TYPE, LogFiles, parseCheckpoint, publicKeyBytes, verifierKey } from '../../src/audit/index.js';
import { leafHash } from '../../src/base/merkle-hash.js';
import { treeRoot } from '../../src/base/merkle-proof.js';
import { exportData, verifyBoth } from '../evidence/pack-tools.js';
import { forge, key, leavesOf, openTrail, START, seed, session, verify, withDirectory } from './log-world.js';
import { otherVerifier } from './other-verifier.js';

const hex = (byte: number): string => Buffer.alloc(32, byte).toString('hex');

describe('what was said of a log', () => {
  it('is kept by size, once', () => {
    const book = new AnchorBook();
    for (const size of [7, 3, 7, 5]) book.take({ log: 'bank/1', size, root: hex(size) });
    expect(book.of('bank/1')).toEqual([3, 5, 7].map((size) => ({ log: 'bank/1', size, root: hex(size) })));
    expect(book.contradicted.size).toBe(0);
    expect(book.of('bank/2')).toEqual([]);
  });

  it('contradicts itself where two roots of one size were said, wherever', () => {
    const [one, other] = [new AnchorBook(), new AnchorBook()];
    one.take({ log: 'bank/1', size: 7, root: hex(1) });
    other.take({ log: 'bank/1', size: 7, root: hex(2) });
    one.absorb(other);
    expect([...one.contradicted]).toEqual([['bank/1', 7]]);
  });

  it('is kept in bounded memory: of too much every second, and always the furthest', () => {
    const book = new AnchorBook(100);
    for (let size = 1; size <= 1_000; size++) for (const log of ['bank/1', 'bank/2']) book.take({ log, size, root: hex(size % 256) });
    for (const log of ['bank/1', 'bank/2']) {
      const kept = book.of(log);
      expect(kept.length).toBeGreaterThan(20);
      expect(kept.length).toBeLessThanOrEqual(100);
      expect(kept.at(-1)).toEqual({ log, size: 1_000, root: hex(1_000 % 256) });
    }
  });
});

describe('roots for sizes that grow', () => {
  it('are those of the entries, for every size, and null where tiles are gone', () =>
    withDirectory(async (dir) => {
      const trail = await openTrail(dir, 0, 'wrk_a');
      for (let number = 1; number <= 150; number++) session(trail, `ses_${number}`, number, 3);
      await trail.close();
      const files = new LogFiles(join(dir, '0'));
      const size = parseCheckpoint((await files.checkpoint()) as Buffer)?.checkpoint.size ?? 0;
      expect(size).toBeGreaterThan(700);
      const hashes: Buffer[] = [];
      for await (const { leaf } of files.leaves(size)) hashes.push(leafHash(leaf));
      const every = new GrowingRoot(files, size);
      for (let at = 1; at <= size; at++) expect([at, await every.at(at)]).toEqual([at, treeRoot(hashes.slice(0, at))]);
      const some = new GrowingRoot(files, size);
      for (const at of [255, 256, 511, 512, 513, 600, 600, size]) expect([at, await some.at(at)]).toEqual([at, treeRoot(hashes.slice(0, at))]);
      // Of hashes that were given up level 1 has the root of each bundle; of a part of one nobody knows.
      await rm(join(dir, '0', 'tile', '0', '000'));
      const pruned = new GrowingRoot(new LogFiles(join(dir, '0')), size);
      expect(await pruned.at(100)).toBeNull();
      expect(await pruned.at(300)).toEqual(treeRoot(hashes.slice(0, 300)));
      const anchors = [300, 400, 500].map((at) => ({ log: 'bank/0', size: at, root: at === 400 ? hex(0) : treeRoot(hashes.slice(0, at)).toString('hex') }));
      expect(await brokenAnchor(files, size, anchors)).toEqual(anchors[1]);
      expect(await brokenAnchor(files, size, [...anchors.slice(0, 1), { log: 'bank/0', size: size + 1, root: hex(0) }])).toBeNull();
    }));
});

describe('a log that was written anew by whoever has the key', () => {
  /** Log 0 says how far log 1 is; then log 1 is written anew by `change`. */
  async function rewritten(data: string, change: (leaves: readonly AuditLeaf[]) => readonly AuditLeaf[]): Promise<void> {
    const logs = join(data, 'log');
    await mkdir(join(data, 'journal'));
    await writeFile(join(data, 'audit.pub'), `${verifierKey('bank', KEY_TYPE.log, publicKeyBytes(key))}\n`);
    await writeFile(join(data, 'audit-key'), `${seed}\n`, { mode: 0o600 });
    const one = await openTrail(logs, 1, 'wrk_b');
    for (const subject of ['eve', 'mallory', 'trent', 'walter']) one.event('subject.lock', { subject, reason: 'left' });
    await one.close();
    await (await openTrail(logs, 0, 'wrk_a')).close();
    const leaves = await leavesOf(join(logs, '1'), 6);
    await forge(join(logs, '1'), change(leaves));
  }

  async function judged(data: string): Promise<{ gw: string[]; other: readonly string[]; pack: readonly string[]; script: string }> {
    const logs = await verify(join(data, 'log'));
    const { pack } = await exportData(data, join(data, 'pack'), { from: START, to: START + 1 });
    const both = await verifyBoth(pack, join(data, 'audit.pub'));
    return {
      gw: [...new Set(logs.problems.map(({ claim }) => claim))],
      other: (await otherVerifier(data, join(data, 'audit.pub'))).claims,
      pack: both.gw,
      script: /^\w+(?=: )/m.exec(both.script.text)?.[0] ?? both.script.text,
    };
  }

  it.each<[string, (leaves: readonly AuditLeaf[]) => readonly AuditLeaf[]]>([
    ['with an entry changed', (leaves) => leaves.map((leaf) => (leaf.data['subject'] === 'eve' ? { ...leaf, data: { ...leaf.data, subject: 'bob' } } : leaf))],
    ['and cut back', (leaves) => leaves.filter(({ kind }) => kind !== 'subject.lock')],
  ])('%s is found by every verifier, at once and when other logs have told of the new one since', async (_what, change) => {
    for (const restarted of [false, true])
      await withDirectory(async (data) => {
        await rewritten(data, change);
        if (restarted) {
          const again = await openTrail(join(data, 'log'), 1, 'wrk_d');
          for (let at = 0; at < 9; at++) again.event('subject.unlock', { subject: 'eve' });
          await again.close();
          await (await openTrail(join(data, 'log'), 0, 'wrk_c')).close();
        }
        expect({ restarted, ...(await judged(data)) }).toEqual({ restarted, gw: ['fork'], other: ['fork'], pack: ['fork'], script: 'fork' });
      });
  });

  it('in no way is none', () =>
    withDirectory(async (data) => {
      await rewritten(data, (leaves) => leaves);
      expect(await judged(data)).toMatchObject({ gw: [], other: [], pack: [], script: expect.stringContaining(' verifies: ') as string });
    }));
});
