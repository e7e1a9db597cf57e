/**
 * Output of a program on its way into a channel. One piece at a time, whichever of the two outputs it belongs to: ssh2 keeps what its client
 * has no room for in one place for each output, looks at the first of them alone when there is room again, and never empties them.
 */
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import type { Channel } from 'ssh2';

/** Signals that the protocol has a name for. Of others a client is told what a shell would say: 128 and their number. */
export const NAMED_SIGNALS: readonly string[] = ['ABRT', 'ALRM', 'FPE', 'HUP', 'ILL', 'INT', 'KILL', 'PIPE', 'QUIT', 'SEGV', 'TERM', 'USR1', 'USR2'];

export class ChannelWriter {
  readonly #channel: Channel;
  readonly #closed: Promise<void>;
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.#closed = new Promise((resolve) => {
      channel.once('close', () => {
        this.#isClosed = true;
        resolve();
      });
    });
    // The client has left, which its session is told as well.
    channel.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
  }

  /** Resolves when the client has taken it, or will take no more. */
  write(chunk: Buffer, output: 'stdout' | 'stderr'): Promise<void> {
    this.#last = this.#last.then(() => (this.#isClosed ? undefined : Promise.race([this.#closed, this.#put(chunk, output)])));
    return this.#last;
  }

  /** Behind everything that was written. `how`: an exit status, or the signal that ended the program. */
  async end(how: number | NodeJS.Signals): Promise<void> {
    await this.#last;
    if (this.#isClosed) return;
    if (typeof how === 'number') this.#channel.exit(how);
    else if (NAMED_SIGNALS.includes(how.slice(3))) this.#channel.exit(how.slice(3), false, '');
    else this.#channel.exit(128 + constants.signals[how]);
    this.#channel.end();
  }

  #put(chunk: Buffer, output: 'stdout' | 'stderr'): Promise<void> {
    const channel = this.#channel;
    const target: Writable = output === 'stdout' ? channel : channel.stderr;
    return new Promise((resolve) => {
      target.write(chunk, () => {
        channel._chunk = undefined;
        channel._chunkcb = undefined;
        channel._chunkErr = undefined;
        channel._chunkcbErr = undefined;
        resolve();
      });
    });
  }
}
