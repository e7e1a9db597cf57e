/**
 * Connections that the primary gave to a worker which ended before it took them. node:cluster keeps such a connection open and gives it to nobody, so
 * its client would wait for ever. The worker says that it took one before it reads from it, so one that nobody took is whole and another worker can
 * have it; where there is none, it is closed.
 *
 * node:cluster promises nothing of how it speaks to its workers: the messages below are looked at as they are in Node 20. On one that has others nothing is
 * noted here, and all stays as node:cluster does it.
 */
import type { Worker } from 'node:cluster';

const CLUSTER = 'NODE_CLUSTER';

/** A connection as the primary holds it. */
interface Handle {
  close(): void;
}

interface ClusterMessage {
  readonly cmd?: unknown;
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
}

/** Follows what `worker` is given from now on. @returns what to call once when it is gone; `others`: another worker listens where it did. */
export function followConnections(worker: Worker['process']): (others: boolean) => void {
  const given = new Map<number, Handle>();
  const send = worker.send.bind(worker) as (...args: unknown[]) => boolean;
  worker.send = ((message: ClusterMessage, handle: unknown, ...rest: unknown[]): boolean => {
    const { cmd, act, seq } = message;
    if (cmd === CLUSTER && act === 'newconn' && typeof seq === 'number' && isHandle(handle)) given.set(seq, handle);
    return send(message, handle, ...rest);
  }) as Worker['process']['send'];
  worker.on('internalMessage', ({ cmd, ack }: ClusterMessage) => {
    if (cmd === CLUSTER && typeof ack === 'number') given.delete(ack);
  });
  return (others) => {
    for (const [seq, handle] of given) {
      // What a worker says that does not want a connection: the primary then gives it to the next.
      if (others) worker.emit('internalMessage', { cmd: CLUSTER, ack: seq, accepted: false });
      else handle.close();
    }
    given.clear();
  };
}

function isHandle(value: unknown): value is Handle {
  return typeof (value as Partial<Handle> | undefined)?.close === 'function';
}
