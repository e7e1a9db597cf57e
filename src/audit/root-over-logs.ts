/**
 * One hash for all logs of a gateway: the root of a Merkle tree (RFC 6962) whose leaves are the checkpoints of the logs, each as the text that is signed, in
 * the order of their names. Every heartbeat says it of the checkpoints that it saw. Pure.
 */
import { leafHash } from '../base/merkle-hash.js';
import { treeRoot } from '../base/merkle-proof.js';
import { type Checkpoint, checkpointText } from './checkpoint.js';

export function rootOverLogs(checkpoints: readonly Checkpoint[]): Buffer {
  const leaves = checkpoints.map((each) => ({ origin: Buffer.from(each.origin), leaf: leafHash(Buffer.from(checkpointText(each))) }));
  return treeRoot(leaves.sort((one, other) => Buffer.compare(one.origin, other.origin)).map(({ leaf }) => leaf));
}
