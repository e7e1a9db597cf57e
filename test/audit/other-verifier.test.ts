/** Our logs, checked by a verifier that nobody here wrote (@sigstore/verify): every entry, under the signed checkpoint; and nothing that was changed. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { proveLeaves } from '../../src/audit/log-proof.js';
import { newSigningKey, publicKeyBytes, readSigningKey } from '../../src/audit/note-key.js';
import { type Inclusion, isIncluded } from '../support/other-verifier.js';
import { buildLogs, key, withDirectory } from './log-world.js';

const ORIGIN = 'bank/0';
const PUBLIC = publicKeyBytes(key);

/** All entries of both logs, with their proofs. */
async function inclusions(dir: string): Promise<(Inclusion & { readonly log: string })[]> {
  const { leaves, checkpoints } = await proveLeaves([join(dir, '0'), join(dir, '1')], () => true);
  return leaves.map(({ log, leaf, proof }) => ({
    log,
    leaf: Buffer.from(leaf),
    index: (JSON.parse(leaf) as { n: number }).n,
    path: proof.map((hash) => Buffer.from(hash, 'base64')),
    checkpoint: checkpoints[log] ?? '',
  }));
}

const flip = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

describe('@sigstore/verify', () => {
  it('finds every entry of both logs under their checkpoints', async () => {
    await withDirectory(async (dir) => {
      await buildLogs(dir);
      const all = await inclusions(dir);
      expect(all.length).toBeGreaterThan(280);
      expect(all.filter((each) => !isIncluded(each, each.log, PUBLIC))).toEqual([]);
    });
  });

  it('finds none that was changed, moved, or proved along another path, and believes no other key, name or checkpoint', async () => {
    await withDirectory(async (dir) => {
      await buildLogs(dir);
      const all = (await inclusions(dir)).filter(({ log }) => log === ORIGIN);
      const other = publicKeyBytes(readSigningKey(newSigningKey(), 'The key'));
      for (const each of all) {
        const { leaf, index, path, checkpoint } = each;
        const next = all[(index + 1) % all.length];
        const wrong: Readonly<Record<string, Inclusion>> = {
          'a byte of the entry': { ...each, leaf: flip(leaf, index % leaf.length) },
          'its place': { ...each, index: (index + 1) % all.length },
          'a hash of its path': { ...each, path: path.map((hash, at) => (at === index % path.length ? flip(hash, 3) : hash)) },
          'a hash too few': { ...each, path: path.slice(1) },
          'a hash too many': { ...each, path: [...path, ...path.slice(0, 1)] },
          'the path of its neighbour': { ...each, path: next?.path ?? [] },
          'the size': { ...each, checkpoint: checkpoint.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`) },
          'the root': { ...each, checkpoint: checkpoint.replace(/^(\S+\n\d+\n)(.)/, (_, head: string, first: string) => head + (first === 'A' ? 'B' : 'A')) },
          'the signature': { ...each, checkpoint: checkpoint.replace(/(.)(=*\n)$/, (_, last: string, end: string) => (last === 'A' ? 'Q' : 'A') + end) },
        };
        for (const [what, changed] of Object.entries(wrong)) expect(isIncluded(changed, ORIGIN, PUBLIC), `${what} of entry ${index}`).toBe(false);
        expect([isIncluded(each, ORIGIN, other), isIncluded(each, 'bank/1', PUBLIC)]).toEqual([false, false]);
      }
    });
  });
});
