/**
 * Inclusion and consistency proofs of an RFC 6962 tree: made from the hashes of its subtrees, and checked as RFC 9162 sections 2.1.3.2 and
 * 2.1.4.2 say. Proofs are untrusted input: a wrong one gives false, never an error. Pure.
 */
import { completeRoot, HASH_BYTES, nodeHash } from './merkle-hash.js';
import { RightEdge } from './right-edge.js';

/** Gives the root of the complete subtree of 2^level leaves that is number `index` in its level. */
export type SubtreeSource = (level: number, index: number) => Promise<Buffer>;

export function verifyInclusion(index: number, size: number, leaf: Uint8Array, proof: readonly Uint8Array[], root: Uint8Array): boolean {
  if (!isIndex(index) || !isIndex(size) || index >= size) return false;
  if ([leaf, ...proof].some((each) => each.length !== HASH_BYTES)) return false;
  let node = index;
  let last = size - 1;
  let hash: Buffer = Buffer.from(leaf);
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else hash = nodeHash(hash, sibling);
    node = half(node);
    last = half(last);
  }
  return last === 0 && hash.equals(root);
}

/** Whether the tree of `size2` leaves with `root2` begins with the tree of `size1` leaves with `root1`. A tree without leaves proves nothing and is refused. */
export function verifyConsistency(size1: number, size2: number, root1: Uint8Array, root2: Uint8Array, proof: readonly Uint8Array[]): boolean {
  if (!isIndex(size1) || !isIndex(size2) || size1 < 1 || size2 < size1) return false;
  if (proof.some((each) => each.length !== HASH_BYTES)) return false;
  if (size1 === size2) return proof.length === 0 && Buffer.from(root1).equals(root2);
  const path = isPowerOfTwo(size1) ? [root1, ...proof] : [...proof];
  const first = path.shift();
  if (first === undefined) return false;
  let node = size1 - 1;
  let last = size2 - 1;
  while (node % 2 === 1) {
    node = half(node);
    last = half(last);
  }
  let old: Buffer = Buffer.from(first);
  let grown: Buffer = Buffer.from(first);
  for (const sibling of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      old = nodeHash(sibling, old);
      grown = nodeHash(sibling, grown);
      while (node % 2 === 0 && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else grown = nodeHash(grown, sibling);
    node = half(node);
    last = half(last);
  }
  return last === 0 && old.equals(root1) && grown.equals(root2);
}

/** The path from leaf `index` to the root of a tree of `size` leaves. */
export async function inclusionProof(index: number, size: number, subtree: SubtreeSource): Promise<Buffer[]> {
  return path(index, 0, size, subtree);
}

/** That the tree of `size2` leaves begins with that of `size1`. */
export async function consistencyProof(size1: number, size2: number, subtree: SubtreeSource): Promise<Buffer[]> {
  return size1 === size2 ? [] : subproof(size1, 0, size2, true, subtree);
}

/** Root over the leaves from `begin` to `end`, where `begin` is where RFC 6962 splits. */
async function rangeRoot(begin: number, end: number, subtree: SubtreeSource): Promise<Buffer> {
  const edge: Buffer[] = [];
  for (let at = begin; at < end; ) {
    let level = 0;
    while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= end) level++;
    edge.push(await subtree(level, at / 2 ** level));
    at += 2 ** level;
  }
  return new RightEdge(end - begin, edge).root();
}

async function path(index: number, begin: number, end: number, subtree: SubtreeSource): Promise<Buffer[]> {
  if (end - begin <= 1) return [];
  const middle = begin + split(end - begin);
  return index < middle
    ? [...(await path(index, begin, middle, subtree)), await rangeRoot(middle, end, subtree)]
    : [...(await path(index, middle, end, subtree)), await rangeRoot(begin, middle, subtree)];
}

/** SUBPROOF of RFC 6962 section 2.1.2; `size` counts from the beginning of the tree. `known`: the verifier has this subtree's root. */
async function subproof(size: number, begin: number, end: number, known: boolean, subtree: SubtreeSource): Promise<Buffer[]> {
  if (size === end) return known ? [] : [await rangeRoot(begin, end, subtree)];
  const middle = begin + split(end - begin);
  return size <= middle
    ? [...(await subproof(size, begin, middle, known, subtree)), await rangeRoot(middle, end, subtree)]
    : [...(await subproof(size, middle, end, false, subtree)), await rangeRoot(begin, middle, subtree)];
}

/** The largest power of two below `size`. */
function split(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

const half = (value: number): number => Math.floor(value / 2);
const isIndex = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const isPowerOfTwo = (value: number): boolean => split(value + 1) === value;

/** Root of a tree whose leaf hashes are all in memory (RFC 6962 section 2.1). */
export function treeRoot(leaves: readonly Buffer[]): Buffer {
  const left = leaves.length > 1 ? split(leaves.length) : 0;
  return left * 2 === leaves.length || left === 0 ? completeRoot(leaves) : nodeHash(completeRoot(leaves.slice(0, left)), treeRoot(leaves.slice(left)));
}

/** Subtrees of a tree whose leaf hashes are all in memory. */
export function subtreesOf(leaves: readonly Buffer[]): SubtreeSource {
  return (level, index) => Promise.resolve(completeRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)));
}
