/**
 * Gives each session of a journal its key, and keeps the keys: written before the first frame that they encrypt, on disk before that frame is.
 * A record that a failed sync may have lost is written again, unless it was destroyed meanwhile.
 */
import { randomBytes } from 'node:crypto';
import type { SegmentFiles } from '../segment-file.js';
import { SessionCipher } from './session-cipher.js';
import { isDestroyed, KEY_BYTES, keysPath, RECORD_BYTES, wrapKey } from './session-keys.js';

interface KeyRecord {
  readonly number: number;
  readonly bytes: Buffer;
}

export class KeyIssuer {
  readonly #journalKey: Buffer;
  readonly #files: SegmentFiles;
  readonly #fd: number;
  #waiting: KeyRecord[] = [];
  /** In the kernel, not known to be on disk. */
  #unsynced: KeyRecord[] = [];
  #rewrite = false;
  #failures = 0;

  /** @throws the error of the file system when the file of keys cannot be created */
  constructor(workerDirectory: string, journalKey: Buffer, files: SegmentFiles) {
    this.#journalKey = journalKey;
    this.#files = files;
    this.#fd = files.create(keysPath(workerDirectory));
  }

  /** A new key for session `number`. Its record is written by the next `flush`. */
  cipher(number: number): SessionCipher {
    const key = randomBytes(KEY_BYTES);
    this.#waiting.push({ number, bytes: wrapKey(this.#journalKey, number, key) });
    return new SessionCipher(key);
  }

  /** Before the frame that needs them. @throws the error of the file system: then the frame must not be written */
  flush(): void {
    const first = this.#waiting[0];
    if (first === undefined) return;
    // Sessions are numbered without gaps, so what waits lies side by side.
    this.#write({ number: first.number, bytes: Buffer.concat(this.#waiting.map(({ bytes }) => bytes)) });
    this.#unsynced.push(...this.#waiting);
    this.#waiting = [];
  }

  /**
   * Before the frames that need them are synced. A second time for sessions that began meanwhile: their frames go to disk with those that are waited for. Not
   * until none does: then nobody would be served where sessions begin all the time.
   * @throws the error of the file system
   */
  async sync(): Promise<void> {
    await this.#syncOnce();
    do await this.#syncOnce();
    while (this.#rewrite);
  }

  /** The same, blocking. @throws the error of the file system */
  syncNow(): void {
    if (this.#unsynced.length === 0) return;
    try {
      if (this.#rewrite) this.#writeAgain();
      this.#files.datasyncNow(this.#fd);
    } catch (thrown) {
      this.#failed();
      throw thrown;
    }
    this.#rewrite = false;
    this.#unsynced = [];
  }

  close(): void {
    this.#files.close(this.#fd);
    this.#journalKey.fill(0);
  }

  async #syncOnce(): Promise<void> {
    const covered = [...this.#unsynced];
    const last = covered.at(-1)?.number;
    if (last === undefined) return;
    if (this.#rewrite) this.#writeAgain();
    const failures = this.#failures;
    const later = (): KeyRecord[] => this.#unsynced.filter(({ number }) => number > last);
    await new Promise<void>((resolve, reject) => {
      this.#files.datasync(this.#fd, (error) => {
        if (error === null) resolve();
        else {
          this.#failed();
          // The error may stand for a blocking sync that reported none meanwhile.
          this.#unsynced = [...covered, ...later()];
          reject(error);
        }
      });
    });
    // A failure that came while this one was under way stands.
    if (failures !== this.#failures) return;
    this.#rewrite = false;
    this.#unsynced = later();
  }

  #failed(): void {
    this.#rewrite = true;
    this.#failures++;
  }

  #write({ number, bytes }: KeyRecord): void {
    for (let from = 0; from < bytes.length; ) from += this.#files.write(this.#fd, bytes, from, bytes.length - from, number * RECORD_BYTES + from);
  }

  #writeAgain(): void {
    const there = Buffer.alloc(RECORD_BYTES);
    for (const each of this.#unsynced) {
      this.#files.read(this.#fd, there, RECORD_BYTES, each.number * RECORD_BYTES);
      if (!isDestroyed(there)) this.#write(each);
    }
  }
}
