/**
 * E-mail addresses around an `@`: the part of RFC 5321 that people use, letters of any script included. The host ends in a label of letters
 * that is no file ending and no systemd unit (`logo@2x.png`, `user@1000.service`); the user `git` of a repository address is nobody.
 */
import { FOREIGN_LETTER, INVISIBLE, isAlphanumeric, isDigit, isLetter, skipInvisible, symbolAt, symbolBefore } from './symbols.js';

const MAX_LOCAL = 64;
const MAX_HOST = 253;
const DOT = 0x2e;
const DASH = 0x2d;

/** Last labels that make a file name or a unit of what looks like an address. None is a top-level domain. */
const NO_DOMAINS = 'png jpg jpeg gif svg webp service socket timer mount target slice js ts css json html txt yaml yml lock conf log tgz gz tar exe dll'
  .split(' ')
  .map((label) => Buffer.from(label));

export class EmailReader {
  start = 0;
  end = 0;
  /** Bytes that the last call looked at. */
  looked = 0;

  /** Whether the `@` at `at`, `length` bytes long, is in an address; then `start` and `end` say where it is. */
  read(bytes: Uint8Array, at: number, length: number, floor: number, limit: number): boolean {
    this.#readLocal(bytes, at, floor);
    this.looked = at - this.start + 1;
    if (this.start >= at || bytes[at - 1] === DOT) return false;
    const host = at + length;
    if (!this.#readHost(bytes, host, limit)) return false;
    const repository = at - this.start === 3 && bytes[this.start] === 0x67 && bytes[this.start + 1] === 0x69 && bytes[this.start + 2] === 0x74;
    return !(repository && this.end < limit && bytes[this.end] === 0x3a);
  }

  #readLocal(bytes: Uint8Array, at: number, floor: number): void {
    let i = at;
    let first = at;
    for (let count = 0; count < MAX_LOCAL; count++) {
      const symbol = symbolBefore(bytes, i, floor);
      const code = symbol & 0xff;
      // Dots and signs may stand inside only, so the start moves at letters, digits and `_`.
      if (isAlphanumeric(code) || code === 0x5f || code === FOREIGN_LETTER) first = i - (symbol >> 8);
      else if (code !== DOT && code !== DASH && code !== 0x2b && code !== 0x25 && code !== INVISIBLE) break;
      i -= symbol >> 8;
    }
    this.start = first;
  }

  /** Reads labels and remembers where the last one ended that could be a top-level domain. */
  #readHost(bytes: Uint8Array, from: number, limit: number): boolean {
    let at = from;
    let label = from;
    let labels = 0;
    let letters = 0;
    let others = 0;
    let numbers = 0;
    let end = -1;
    for (let count = 0; count <= MAX_HOST; count++) {
      const symbol = symbolAt(bytes, at, limit);
      const code = symbol & 0xff;
      if (isLetter(code) || code === FOREIGN_LETTER) letters++;
      else if (isDigit(code)) others++;
      else if (code !== INVISIBLE) {
        const isTop = labels > 0 && numbers < 2 && letters >= 2 && others === 0;
        if (isTop) end = isNoDomain(bytes, label, at) ? -1 : at;
        if (code === DOT) {
          if (letters + others === 0) break;
          // `pkg@18.2.0-beta.rc` is a version: no host begins with two labels of digits.
          if (letters === 0 && numbers === labels) numbers++;
          labels++;
          letters = 0;
          others = 0;
          label = at + (symbol >> 8);
        } else if (code === DASH) others++;
        else break;
      }
      at += symbol >> 8;
      if (at >= limit) {
        if (labels > 0 && numbers < 2 && letters >= 2 && others === 0) end = isNoDomain(bytes, label, limit) ? -1 : limit;
        break;
      }
    }
    this.looked += at - from;
    this.end = end;
    return end > 0;
  }
}

function isNoDomain(bytes: Uint8Array, start: number, end: number): boolean {
  const stop = skipInvisible(bytes, start, end);
  next: for (const label of NO_DOMAINS) {
    if (end - stop !== label.length) continue;
    for (let i = 0; i < label.length; i++) if (((bytes[stop + i] ?? 0) | 0x20) !== label[i]) continue next;
    return true;
  }
  return false;
}
