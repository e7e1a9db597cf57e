/**
 * HMAC-SHA-256 (RFC 2104) under one key, by two one-shot hashes: a token is made for every value of a masked column, and an object for each
 * costs eight times what is computed with it. The key cannot be read out of it.
 */
import { hash } from 'node:crypto';

const BLOCK = 64;
const DIGEST = 32;

/** One message at a time: overwritten by the next. */
let message = Buffer.alloc(1024);
const outer = Buffer.alloc(BLOCK + DIGEST);
const result = Buffer.alloc(DIGEST);

export class MacKey {
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  constructor(secret: Uint8Array) {
    const key = Buffer.alloc(BLOCK);
    key.set(secret.length > BLOCK ? Buffer.from(hash('sha256', secret, 'hex'), 'hex') : secret);
    this.#inner = key.map((byte) => byte ^ 0x36) as Buffer;
    this.#outer = key.map((byte) => byte ^ 0x5c) as Buffer;
  }

  /** The 32 bytes of the MAC of `head` and `value`, one after the other; overwritten by the next call. */
  mac(head: Uint8Array, value: Uint8Array): Buffer {
    const length = BLOCK + head.length + value.length;
    if (length > message.length) message = Buffer.alloc(length * 2);
    message.set(this.#inner);
    message.set(head, BLOCK);
    message.set(value, BLOCK + head.length);
    outer.set(this.#outer);
    // Text is what a one-shot hash gives fastest.
    outer.write(hash('sha256', message.subarray(0, length), 'binary'), BLOCK, 'latin1');
    message.fill(0, 0, length);
    result.write(hash('sha256', outer, 'binary'), 'latin1');
    return result;
  }
}
