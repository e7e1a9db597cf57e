/**
 * An append-only stream of encrypted frames: u32 length (big-endian), then AES-256-GCM ciphertext and tag (NIST SP 800-38D). The nonce is
 * the number of the frame, so a key must serve one stream only and frames can be neither dropped, swapped nor repeated; the name of the
 * stream is authenticated with each. A stream may end anywhere: what follows its last whole frame is torn. Input is untrusted.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';

export const SEALED_KEY_BYTES = 32;
/** Largest plaintext of one frame, bytes. */
const SEALED_FRAME_LIMIT = 1 << 20;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

function nonceOf(frame: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(frame), 4);
  return nonce;
}

export class FrameSealer {
  readonly #key: Buffer;
  readonly #name: Buffer;
  #frames = 0;

  constructor(key: Buffer, name: string) {
    this.#key = key;
    this.#name = Buffer.from(name, 'utf8');
  }

  /** `plain`: at most 1 MiB; more than that is not opened again. */
  seal(plain: Buffer): Buffer {
    const cipher = createCipheriv(ALGORITHM, this.#key, nonceOf(this.#frames++), { authTagLength: TAG_BYTES });
    cipher.setAAD(this.#name);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(plain.length + TAG_BYTES);
    return Buffer.concat([length, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }
}

export type Opened =
  | { readonly kind: 'frame'; readonly plain: Buffer }
  /** This and all that follows was not written by the holder of the key, in this place of this stream. */
  | { readonly kind: 'broken'; readonly frame: number; readonly why: string };

/** Reads such a stream in pieces of any size. */
export class FrameOpener {
  readonly #key: Buffer;
  readonly #name: Buffer;
  #frames: number;
  #rest: Buffer = Buffer.alloc(0);
  #broken = false;

  /** `first`: number of the frame that it begins with. */
  constructor(key: Buffer, name: string, first = 0) {
    this.#key = key;
    this.#name = Buffer.from(name, 'utf8');
    this.#frames = first;
  }

  /** Bytes after the last whole frame. */
  get torn(): number {
    return this.#rest.length;
  }

  *push(bytes: Buffer): Generator<Opened, void, void> {
    if (this.#broken) return;
    let buffer = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (buffer.length >= 4) {
      const length = buffer.readUInt32BE(0);
      if (length < TAG_BYTES || length > SEALED_FRAME_LIMIT + TAG_BYTES) {
        yield this.#fail(`a frame claims ${length} bytes`);
        return;
      }
      if (buffer.length < 4 + length) break;
      const plain = this.#open(buffer.subarray(4, 4 + length));
      if (plain === null) {
        yield this.#fail('a frame does not open with the key');
        return;
      }
      this.#frames++;
      yield { kind: 'frame', plain };
      buffer = buffer.subarray(4 + length);
    }
    this.#rest = Buffer.from(buffer);
  }

  #open(sealed: Buffer): Buffer | null {
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonceOf(this.#frames), { authTagLength: TAG_BYTES });
    decipher.setAAD(this.#name);
    decipher.setAuthTag(sealed.subarray(end));
    const plain = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
      return plain;
    } catch {
      // Node says no more than that it does not fit.
      return null;
    }
  }

  #fail(why: string): Opened {
    this.#broken = true;
    this.#rest = Buffer.alloc(0);
    return { kind: 'broken', frame: this.#frames, why };
  }
}
