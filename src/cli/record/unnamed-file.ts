/**
 * A file for what is too much for memory and nobody else's to read: it loses its name before its first byte, so it is gone however the process ends, and
 * its key is in this process alone, so what is left of it on the disk says nothing. Written at its end, read anywhere.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { FrameOpener, FrameSealer, SEALED_KEY_BYTES } from '../../base/sealed-frames.js';
import { GwError } from '../../contract/gw-error.js';

/** Where a text stands in it. */
export interface Place {
  readonly from: number;
  readonly bytes: number;
  /** Number of its first frame. */
  readonly frame: number;
}

/** Bytes of one frame before it is sealed. */
const FRAME = 1 << 20;
const NAME = 'replay';

export class UnnamedFile {
  readonly #fd: number;
  readonly #key = randomBytes(SEALED_KEY_BYTES);
  readonly #sealer = new FrameSealer(this.#key, NAME);
  #size = 0;
  #frames = 0;

  /** `dir` is made where there is none. @throws GwError `recording.local` */
  constructor(dir: string) {
    const path = join(dir, `replay-${randomBytes(8).toString('hex')}`);
    this.#fd = orFailed(() => {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const fd = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      return fd;
    });
  }

  /** @throws GwError `recording.local` where there is no room */
  write(text: string): Place {
    const plain = Buffer.from(text, 'utf8');
    const place = { from: this.#size, frame: this.#frames };
    for (let at = 0; at < plain.length; at += FRAME) {
      const sealed = this.#sealer.seal(plain.subarray(at, at + FRAME));
      this.#frames++;
      for (let done = 0; done < sealed.length; ) {
        const written = orFailed(() => writeSync(this.#fd, sealed, done, sealed.length - done, this.#size));
        done += written;
        this.#size += written;
      }
    }
    return { ...place, bytes: this.#size - place.from };
  }

  /** @throws GwError `recording.local` when it does not come back as it was written */
  read({ from, bytes, frame }: Place): string {
    const sealed = Buffer.alloc(bytes);
    for (let done = 0; done < bytes; ) {
      const read = orFailed(() => readSync(this.#fd, sealed, done, bytes - done, from + done));
      if (read === 0) throw failed('it is shorter than it was');
      done += read;
    }
    const plain: Buffer[] = [];
    for (const opened of new FrameOpener(this.#key, NAME, frame).push(sealed)) {
      if (opened.kind === 'broken') throw failed(opened.why);
      plain.push(opened.plain);
    }
    return Buffer.concat(plain).toString('utf8');
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function orFailed<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw failed(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function failed(why: string, cause?: unknown): GwError {
  return new GwError('recording.local', `The replay cannot be kept on this machine: ${why}.`, {
    cause,
    hint: 'A long replay is in the state directory of gw while it plays: make room there, or set XDG_STATE_HOME to where there is some.',
  });
}
