/** Hashes and proofs against the vectors of transparency-dev/merkle (Apache-2.0), right and wrong ones, and against a tree computed by definition. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyRoot, leafHash, nodeHash } from '../../src/base/merkle-hash.js';
import { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from '../../src/base/merkle-proof.js';
import { completeSubtrees, RightEdge } from '../../src/base/right-edge.js';

interface Inclusion {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
  readonly case: string;
}

interface Consistency {
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
  readonly case: string;
}

const file = join(import.meta.dirname, '..', 'formats', 'merkle', 'vectors.json');
const vectors = JSON.parse(readFileSync(file, 'utf8')) as { readonly inclusion: readonly Inclusion[]; readonly consistency: readonly Consistency[] };
const bytes = (text: string | null): Buffer => Buffer.from(text ?? '', 'base64');
const proofOf = (proof: readonly string[] | null): Buffer[] => (proof ?? []).map(bytes);

const leaves = Array.from({ length: 300 }, (_, at) => Buffer.from(`leaf ${at}`));
/** RFC 6962 section 2.1, word for word. */
function rootOf(from: number, to: number): Buffer {
  if (to === from) return emptyRoot();
  if (to - from === 1) return leafHash(leaves[from] as Buffer);
  let split = 1;
  while (split * 2 < to - from) split *= 2;
  return nodeHash(rootOf(from, from + split), rootOf(from + split, to));
}
const subtree = (level: number, index: number): Promise<Buffer> => Promise.resolve(rootOf(index * 2 ** level, (index + 1) * 2 ** level));

describe('proofs', () => {
  it('of inclusion are judged as the vectors say', () => {
    expect(vectors.inclusion.length).toBe(98);
    const wrong = vectors.inclusion.filter(
      (each) => verifyInclusion(each.leafIdx, each.treeSize, bytes(each.leafHash), proofOf(each.proof), bytes(each.root)) === each.wantErr,
    );
    expect(wrong.map((each) => each.case)).toEqual([]);
  });

  it('of consistency are judged as the vectors say', () => {
    expect(vectors.consistency.length).toBe(98);
    const wrong = vectors.consistency.filter(
      (each) => verifyConsistency(each.size1, each.size2, bytes(each.root1), bytes(each.root2), proofOf(each.proof)) === each.wantErr,
    );
    expect(wrong.map((each) => each.case)).toEqual([]);
  });

  it('that are made here verify, for every leaf of trees of every shape, and for no other leaf', async () => {
    for (const size of [1, 2, 3, 7, 8, 33, 100]) {
      const root = rootOf(0, size);
      for (let index = 0; index < size; index++) {
        const proof = await inclusionProof(index, size, subtree);
        const hash = leafHash(leaves[index] as Buffer);
        expect(verifyInclusion(index, size, hash, proof, root)).toBe(true);
        expect(verifyInclusion(index, size, leafHash(Buffer.from('other')), proof, root)).toBe(false);
        expect(size > 1 && verifyInclusion((index + 1) % size, size, hash, proof, root)).toBe(false);
        expect(verifyInclusion(index, size, hash, [...proof, hash], root)).toBe(false);
      }
    }
  });

  it('of consistency that are made here verify for every pair of sizes, and not for another root', async () => {
    for (let size2 = 1; size2 <= 40; size2++) {
      for (let size1 = 1; size1 <= size2; size1++) {
        const proof = await consistencyProof(size1, size2, subtree);
        expect(verifyConsistency(size1, size2, rootOf(0, size1), rootOf(0, size2), proof)).toBe(true);
        expect(verifyConsistency(size1, size2, leafHash(Buffer.from('x')), rootOf(0, size2), proof)).toBe(false);
        expect(verifyConsistency(size1, size2, rootOf(0, size1), leafHash(Buffer.from('x')), proof)).toBe(false);
      }
    }
  });
});

describe('the right edge', () => {
  it('gives the root of every size, and goes on from the complete subtrees of any', () => {
    const edge = new RightEdge();
    expect(edge.root()).toEqual(emptyRoot());
    for (const [at, leaf] of leaves.entries()) {
      edge.add(leafHash(leaf));
      expect(edge.root()).toEqual(rootOf(0, at + 1));
    }
    const roots = completeSubtrees(299).map(({ level, index }) => rootOf(index * 2 ** level, (index + 1) * 2 ** level));
    const again = new RightEdge(299, roots);
    again.add(leafHash(leaves[299] as Buffer));
    expect(again.root()).toEqual(edge.root());
  });
});
