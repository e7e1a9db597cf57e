/**
 * One hash for all logs of a gateway: the root of a Merkle tree (RFC 6962) whose leaves are the checkpoints of the logs, each as the text that is signed, in
 * the order of their names. Every heartbeat says it of the checkpoints that it saw. Pure.
 */
import { leafHash } from '../base/merkle-hash.js';
import { treeRoot } from '../base/merkle-proof.js';
import { type Anchor, anchorsOf, checkpointOf } from './anchor.js';
import type { AuditLeaf } from './audit-leaf.js';
import { type Checkpoint, checkpointText } from './checkpoint.js';

export function rootOverLogs(checkpoints: readonly Checkpoint[]): Buffer {
  const leaves = checkpoints.map((each) => ({ origin: Buffer.from(each.origin), leaf: leafHash(Buffer.from(checkpointText(each))) }));
  return treeRoot(leaves.sort((one, other) => Buffer.compare(one.origin, other.origin)).map(({ leaf }) => leaf));
}

export const WRONG_ROOT_OVER_LOGS = 'the root over the logs is not that of the logs that are named with it';

/** Heartbeats of the first versions say no root. */
export const saysRootOverLogs = ({ kind, data }: AuditLeaf): boolean => kind === 'log.heartbeat' && data['rootOverLogs'] !== undefined;

/** How far `log` was, as an entry of it says that says a root over the logs; null: the root is not that of the heads that it names, its own among them. */
export function ownHead(log: string, { data }: AuditLeaf): Anchor | null {
  const [own] = anchorsOf([{ ...(data['own'] as object), log }]);
  if (own === undefined) return null;
  const root = rootOverLogs([...anchorsOf(data['anchors']), own].map(checkpointOf));
  return root.toString('hex') === data['rootOverLogs'] ? own : null;
}
