/**
 * All that a program says on a terminal of its own (a PTY of node-pty). Left to itself the library closes the terminal 200 ms after the program's end, read or
 * not, and Node takes one that was hung up for read as soon as a read gave less than it could have: whoever reads slowly would miss the last of it.
 */
import { readSync } from 'node:fs';
import type { Socket } from 'node:net';

/** What is used of the library's terminal. With `encoding: null` the data are bytes, whatever its type says. */
export interface OutputTerminal {
  onData(listener: (data: string) => void): unknown;
}

export interface WholeOutput {
  /** Nothing that is still to come need be waited for. */
  close(): void;
}

const AT_ONCE = 65_536;
/** For the system to hand on what the program said just before its end, where another process keeps the terminal open. */
const LATE_MS = 200;
/** Bytes. More than a system holds for a reader: what comes after it is not of the program that ended. */
const LEFT = 262_144;

/** Calls `take` with every byte, in order; the terminal's `onExit` comes after the last. To be called before anything was read. */
export function wholeOutput(terminal: OutputTerminal, take: (chunk: Buffer) => void): WholeOutput {
  terminal.onData((data) => take(data as unknown as Buffer));
  // The library tells nobody what there is still to read.
  const { _socket: socket, fd } = terminal as unknown as { readonly _socket: Socket; readonly fd: number };
  const close = socket.destroy.bind(socket);
  let late: NodeJS.Timeout | null = null;
  socket.destroy = (error?: Error) => {
    if (socket.destroyed || late !== null) return socket;
    if (takeRest(socket, fd, take) || error !== undefined || socket.readableEnded) return close(error);
    late = setTimeout(() => {
      takeRest(socket, fd, take);
      close();
    }, LATE_MS);
    return socket;
  };
  return {
    close: () => {
      if (late !== null) clearTimeout(late);
      close();
    },
  };
}

/** What the stream and then the system hold. @returns whether that was all, and not just all so far */
function takeRest(socket: Socket, fd: number, take: (chunk: Buffer) => void): boolean {
  while (socket.read() !== null);
  for (let left = LEFT; left > 0; ) {
    const chunk = Buffer.allocUnsafe(AT_ONCE);
    let length: number;
    try {
      length = readSync(fd, chunk);
    } catch (thrown) {
      // EIO: nobody has the other end any more. EAGAIN: somebody has, and said nothing else yet.
      return (thrown as NodeJS.ErrnoException).code !== 'EAGAIN';
    }
    if (length === 0) return true;
    take(chunk.subarray(0, length));
    left -= length;
  }
  return true;
}
