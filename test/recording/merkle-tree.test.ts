/** The incremental root is RFC 6962's, for every number of leaves; checked against the recursive definition and the RFC's own examples. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MerkleTree } from '../../src/recording/merkle-tree.js';

const sha = (...parts: Uint8Array[]): Buffer => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

/** Section 2.1 of the RFC, word for word. */
function rootOf(data: readonly Buffer[]): Buffer {
  if (data.length === 0) return sha();
  if (data.length === 1) return sha(Buffer.of(0), data[0] as Buffer);
  let k = 1;
  while (k * 2 < data.length) k *= 2;
  return sha(Buffer.of(1), rootOf(data.slice(0, k)), rootOf(data.slice(k)));
}

describe('Merkle tree', () => {
  it('has the root of the recursive definition for any number of leaves, short and long, whole or known by their hash', () => {
    const numbers = [...Array.from({ length: 131 }, (_, n) => n), 255, 256, 257, 511, 512, 513, 768, 1023, 1024, 1025, 1300];
    for (const n of numbers) {
      const data = Array.from({ length: n }, (_, i) => Buffer.from(`leaf ${i}`.padEnd((i * i) % (i % 50 === 0 ? 3000 : 200), '-')));
      const tree = new MerkleTree();
      for (const [i, leaf] of data.entries()) {
        if (i % 7 === 3) tree.addHash(sha(Buffer.of(0), leaf));
        else tree.add(Buffer.concat([Buffer.of(0), leaf]));
      }
      expect(tree.leaves).toBe(n);
      expect(tree.root().toString('hex'), `${n} leaves`).toBe(rootOf(data).toString('hex'));
    }
  });

  it('can be asked at any time and goes on', () => {
    const tree = new MerkleTree();
    const data: Buffer[] = [];
    for (let i = 0; i < 300; i++) {
      data.push(Buffer.of(i & 255));
      tree.add(Buffer.of(0, i & 255));
      expect(tree.root().equals(rootOf(data))).toBe(true);
    }
  });

  it('gives the roots of the certificate-transparency test vectors', () => {
    const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    const tree = new MerkleTree();
    for (const leaf of leaves) tree.add(Buffer.concat([Buffer.of(0), Buffer.from(leaf, 'hex')]));
    expect(tree.root().toString('hex')).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
  });
});
