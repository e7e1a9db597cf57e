/**
 * Opens the encrypted entries of one journal, in their order. Without the key of a session (there is none here, it was destroyed, or it is not
 * the right one) its entries stay hidden: numbers and sizes are there, contents are not, and `hidden` says why. Input is untrusted: a content
 * that does not fit its commitment, or a session that does not fit its tag, is never given as if it did.
 */
import { createDecipheriv, type DecipherGCM, hash } from 'node:crypto';
import type { Entry, HiddenReason } from '../entry-decoder.js';
import { KIND } from '../format.js';
import { type HiddenPayload, isCommitted, parseHidden, SALT_BYTES, shownPayload } from './hidden-layout.js';
import { KeyStream, NONCE } from './key-stream.js';
import { type KeyState, readKeyRecord, unwrapKey } from './session-keys.js';

/** Sessions whose keys are held at once; the rest is read again when it is needed. */
const OPEN_SESSIONS = 10_000;

export class EntryOpener {
  readonly #directory: string;
  readonly #journalKey: Buffer | null;
  readonly #sessions = new Map<number, SessionOpener | HiddenReason>();

  /** @param journalKey null: everything that is encrypted stays hidden */
  constructor(directory: string, journalKey: Buffer | null) {
    this.#directory = directory;
    this.#journalKey = journalKey;
  }

  /** The entry with its content, as one that is not encrypted. */
  open(entry: Entry): Entry {
    if (!entry.encrypted) return entry;
    const parts = parseHidden(entry.kind, entry.payload);
    if (parts === null) return { ...entry, payload: entry.payload.subarray(0, 0), hidden: 'damaged' };
    const session = this.#session(entry.session);
    if (entry.kind === KIND.sessionEnd) this.#sessions.delete(entry.session);
    if (typeof session === 'string') return { ...entry, payload: shownPayload(entry.kind, parts, null), hidden: session };
    const plaintext = session.open(entry.kind, parts);
    if (plaintext === null) return { ...entry, payload: shownPayload(entry.kind, parts, null), hidden: 'damaged' };
    return { ...entry, payload: shownPayload(entry.kind, parts, plaintext) };
  }

  /** What shows this entry to somebody without a key (`disclosure`); null when it is not committed to, or its content cannot be had. */
  opening(entry: Entry): Buffer | null {
    const parts = entry.encrypted && isCommitted(entry.kind) ? parseHidden(entry.kind, entry.payload) : null;
    const session = parts === null ? 'damaged' : this.#session(entry.session);
    return parts === null || typeof session === 'string' ? null : session.disclose(parts);
  }

  /** The key of a session, for somebody to whom all of it is shown; null when it is not to be had. */
  keyOf(number: number): Buffer | null {
    if (this.#journalKey === null) return null;
    const { state, record } = readKeyRecord(this.#directory, number);
    return state === 'kept' ? unwrapKey(this.#journalKey, number, record) : null;
  }

  #session(number: number): SessionOpener | HiddenReason {
    const known = this.#sessions.get(number);
    if (known !== undefined) return known;
    const made = this.#make(number);
    if (this.#sessions.size >= OPEN_SESSIONS) this.#sessions.clear();
    this.#sessions.set(number, made);
    return made;
  }

  #make(number: number): SessionOpener | HiddenReason {
    if (this.#journalKey === null) return 'locked';
    const { state, record } = readKeyRecord(this.#directory, number);
    if (state !== 'kept') return HIDDEN[state];
    const key = unwrapKey(this.#journalKey, number, record);
    return key === null ? 'wrong-key' : new SessionOpener(key);
  }
}

const HIDDEN: Readonly<Record<Exclude<KeyState, 'kept'>, HiddenReason>> = { destroyed: 'destroyed', none: 'no-key' };

class SessionOpener {
  readonly #stream: KeyStream;
  readonly #gcm: DecipherGCM;
  /** Where the next ciphertext begins, while all of them came. */
  #next = 0;
  /** `partial`: the first ones went by before this began to look, so nothing can be said of the whole. */
  #seen: 'all' | 'partial' | 'gap' = 'all';

  constructor(key: Buffer) {
    this.#stream = new KeyStream(key);
    this.#gcm = createDecipheriv('aes-256-gcm', key, NONCE);
  }

  /** Null when it is not what was written. */
  open(kind: number, { clear, extra, position, ciphertext }: HiddenPayload): Buffer | null {
    const plaintext = this.#decrypt(position, ciphertext);
    if (kind === KIND.sessionEnd && !this.#fits(extra)) return null;
    if (!isCommitted(kind)) return plaintext;
    if (!hash('sha256', plaintext, 'buffer').equals(extra)) return null;
    const content = plaintext.subarray(SALT_BYTES);
    return kind === KIND.sessionStart && !namesSession(content, clear.toString('utf8', 1)) ? null : content;
  }

  /** The committed plaintext, for a look at one entry alone; null when it does not fit its commitment. */
  disclose({ position, ciphertext, extra }: HiddenPayload): Buffer | null {
    const plaintext = this.#at(position, ciphertext);
    return hash('sha256', plaintext, 'buffer').equals(extra) ? plaintext : null;
  }

  #decrypt(position: number, ciphertext: Buffer): Buffer {
    if (this.#seen === 'all' && position !== this.#next) this.#seen = this.#next === 0 ? 'partial' : 'gap';
    if (this.#seen !== 'all') return this.#at(position, ciphertext);
    this.#next += ciphertext.length;
    return this.#gcm.update(ciphertext);
  }

  #at(position: number, ciphertext: Buffer): Buffer {
    const plaintext = Buffer.from(ciphertext);
    this.#stream.apply(plaintext, 0, plaintext.length, position);
    return plaintext;
  }

  /** Whether the tag is that of all ciphertext of the session, none left out. */
  #fits(tag: Buffer): boolean {
    if (this.#seen !== 'all') return this.#seen === 'partial';
    this.#gcm.setAuthTag(tag);
    try {
      this.#gcm.final();
      return true;
    } catch {
      return false;
    }
  }
}

function namesSession(content: Buffer, id: string): boolean {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    return typeof value === 'object' && value !== null && 'session' in value && value.session === id;
  } catch {
    return false;
  }
}
