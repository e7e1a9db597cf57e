/**
 * Reads of a raw TCP connection into memory that all of them share, in place of a fresh buffer for each read: that is most of what a read
 * costs Node. First the handshake takes what comes in here (`stream-reader`), then the pump. What a handler is given is untrusted and
 * valid only during its call.
 */
import { type OnReadOpts, Socket } from 'node:net';
import { ReadBuffer } from './read-buffer.js';

export class Intake {
  readonly buffer = new ReadBuffer();
  handler: (chunk: Buffer) => void = () => undefined;

  readonly onread: OnReadOpts = {
    buffer: this.buffer.next,
    callback: (size: number, memory: Uint8Array): boolean => {
      this.handler(Buffer.from(memory.buffer, memory.byteOffset, size));
      this.buffer.advance(size);
      return true;
    },
  };
}

/** What `net` keeps to itself about a socket: the handle that reads. Checked before use, because no version of Node promises it. */
interface Handled {
  _handle?: { useUserBuffer?: unknown } | null;
}

/**
 * Moves a freshly accepted connection, of which nothing was read, to a socket that reads into shared memory: `net` offers that for
 * connections that it makes, not for those that it accepts. On a Node that has no such handle the connection stays as it is and
 * `intake` is null. Call in the listener's own callback.
 */
export function takeIn(accepted: Socket): { readonly socket: Socket; readonly intake: Intake | null } {
  const owner = accepted as unknown as Handled;
  const handle = owner._handle;
  if (typeof handle?.useUserBuffer !== 'function') return { socket: accepted, intake: null };
  const intake = new Intake();
  const socket = new Socket({ handle, onread: intake.onread, allowHalfOpen: accepted.allowHalfOpen } as ConstructorParameters<typeof Socket>[0]);
  owner._handle = null;
  // The listener counts its connections by the socket that it made.
  socket.once('close', () => accepted.destroy());
  return { socket, intake };
}
