/**
 * The stream of segments of one worker, as files: writes frames at the last good offset, begins new segments, and syncs. A failed write
 * leaves the offset where it was, so that the next attempt first cuts a torn frame off and then writes it again as a whole. A failed sync may
 * have dropped pages that the kernel now calls clean (the fsync lesson of 2018), so before syncing again what was not known to be on disk is written anew.
 * Where somebody waits for the disk, zeros are written ahead of the frames: a sync then has no new size and no new blocks of the file to put on disk.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { GwError } from '../contract/gw-error.js';
import type { KeyIssuer } from './encryption/key-issuer.js';
import { FRAME_HEAD_BYTES } from './format.js';
import { segmentName } from './journal-directory.js';
import type { SegmentFiles } from './segment-file.js';
import { encodeHeader, headerChain } from './segment-layout.js';

const REWRITE_BYTES = 1 << 20;
/** Zeros written ahead at once, and how few of them are left when more are. */
const AHEAD = Buffer.alloc(256 * 1024);
const AHEAD_LEFT = 64 * 1024;

export interface OpenSegment {
  readonly number: number;
  readonly path: string;
  readonly fd: number;
  /** End of the header. */
  readonly start: number;
  /** End of the last good frame. */
  offset: number;
  /** Up to here the file is known to be on disk. */
  synced: number;
  /** The file may hold bytes beyond `offset`, from a write that failed. */
  torn: boolean;
  /** Zeros were written up to here; below `offset`: none were. */
  ahead: number;
  /** There was no room for zeros. */
  crowded: boolean;
  /** A sync failed: write again from `synced` before syncing. */
  rewrite: boolean;
}

export interface SegmentLogOptions {
  readonly directory: string;
  readonly bootId: string;
  readonly gateway: string;
  /** Of the format. */
  readonly version: number;
  /** Of the sessions; null: the journal is not encrypted. They are in the kernel before, and on disk before, what they encrypt. */
  readonly keys: KeyIssuer | null;
  readonly files: SegmentFiles;
}

export class SegmentLog {
  readonly #options: SegmentLogOptions;
  readonly #directoryFd: number;
  #current: OpenSegment;
  /** Full segments whose files are still open. */
  readonly #retired: OpenSegment[] = [];
  #directoryDirty = true;
  #distrusted = false;
  /** The next segment has a file without a whole header, which could not be taken away. */
  #halfMade = false;
  #firstChain: Buffer = Buffer.alloc(32);

  /** @throws the error of the file system when the first segment cannot be created. */
  constructor(options: SegmentLogOptions, createdAt: number) {
    this.#options = options;
    this.#directoryFd = options.files.openDirectory(options.directory);
    this.#current = this.#create(1, Buffer.alloc(32), createdAt).segment;
  }

  get keys(): KeyIssuer | null {
    return this.#options.keys;
  }

  get current(): OpenSegment {
    return this.#current;
  }

  /** A sync failed, so nobody knows what is on disk until one succeeds. */
  get distrusted(): boolean {
    return this.#distrusted;
  }

  /** The chain value with which the first segment begins. */
  get firstChain(): Buffer {
    return this.#firstChain;
  }

  /** Writes all of `bytes` from `start` to `end`. @throws the error of the file system; then nothing counts as written. */
  append(bytes: Uint8Array, start: number, end: number): void {
    this.#options.keys?.flush();
    const segment = this.#current;
    const { fd, offset } = segment;
    if (segment.torn) this.#cut(segment);
    try {
      // Who reads among zeros sees a frame when its head is there, so that comes last.
      const body = segment.ahead > offset ? Math.min(end, start + FRAME_HEAD_BYTES) : start;
      this.#write(fd, bytes, body, end, offset + body - start);
      this.#write(fd, bytes, start, body, offset);
    } catch (thrown) {
      segment.torn = true;
      throw thrown;
    }
    segment.offset = offset + end - start;
  }

  /** Makes room for frames that somebody will wait for. That it cannot be done costs time only: whether a frame can be written, its own write says. */
  writeAhead(): void {
    const segment = this.#current;
    const { fd, offset, ahead } = segment;
    if (segment.crowded || segment.torn || this.#distrusted || ahead - offset >= AHEAD_LEFT) return;
    const from = Math.max(ahead, offset);
    try {
      this.#write(fd, AHEAD, 0, AHEAD.length, from);
      segment.ahead = from + AHEAD.length;
    } catch {
      segment.crowded = true;
      // The next frame cuts off what was written of it.
      segment.torn = true;
    }
  }

  /**
   * Begins the next segment after the chain value `previous` and gives the one with which its frames begin. The segment before is put on
   * disk first, though that blocks: so a power cut can tear the last segment only, and damage in another one is never taken for a torn tail.
   */
  roll(previous: Buffer, createdAt: number): Buffer {
    const full = this.#current;
    try {
      this.trim();
      this.#options.keys?.syncNow();
      this.#options.files.datasyncNow(full.fd);
    } catch (thrown) {
      full.rewrite = true;
      this.#distrusted = true;
      throw thrown;
    }
    full.synced = full.offset;
    const { segment, chain } = this.#create(full.number + 1, previous, createdAt);
    this.#retired.push(full);
    this.#current = segment;
    this.#directoryDirty = true;
    return chain;
  }

  /** Cuts off what was written ahead: the segment is full, or the last one. @throws the error of the file system */
  trim(): void {
    this.#cut(this.#current);
  }

  /** Puts everything appended before the call on disk and gives the full segments that are now complete there; their files are closed. */
  async sync(): Promise<OpenSegment[]> {
    try {
      const complete = await this.#sync();
      this.#distrusted = this.#current.rewrite;
      return complete;
    } catch (thrown) {
      this.#distrusted = true;
      throw thrown;
    }
  }

  async #sync(): Promise<OpenSegment[]> {
    const { files, keys } = this.#options;
    await keys?.sync();
    const retired = this.#retired.slice();
    for (const segment of [...retired, this.#current]) {
      const target = segment.offset;
      if (segment.synced === target && !segment.rewrite) continue;
      const { rewrite, synced } = segment;
      if (rewrite) this.#rewrite(segment, target);
      try {
        await settled((done) => files.datasync(segment.fd, done));
      } catch (thrown) {
        segment.rewrite = true;
        // The error may stand for a sync that reported none, of the same file meanwhile.
        segment.synced = synced;
        throw thrown;
      }
      // A failure that came while this one was under way stands.
      if (rewrite) segment.rewrite = false;
      segment.synced = Math.max(segment.synced, target);
    }
    if (this.#directoryDirty) {
      this.#directoryDirty = false;
      try {
        await settled((done) => files.syncDirectory(this.#directoryFd, done));
      } catch (thrown) {
        this.#directoryDirty = true;
        throw thrown;
      }
    }
    this.#retired.splice(0, retired.length);
    for (const segment of retired) files.close(segment.fd);
    return retired;
  }

  close(): void {
    this.#options.keys?.close();
    this.#options.files.close(this.#current.fd);
    this.#options.files.close(this.#directoryFd);
  }

  #rewrite(segment: OpenSegment, target: number): void {
    const { files } = this.#options;
    const buffer = Buffer.allocUnsafe(REWRITE_BYTES);
    // Nobody knows what became of zeros that were not on disk.
    this.#cut(segment);
    for (let position = segment.synced; position < target; ) {
      const got = files.read(segment.fd, buffer, Math.min(REWRITE_BYTES, target - position), position);
      if (got === 0) throw new GwError('recording.failed', `The journal segment ${segment.number} has become shorter than what was written to it.`);
      this.#write(segment.fd, buffer, 0, got, position);
      position += got;
    }
  }

  #create(number: number, previous: Buffer, createdAt: number): { readonly segment: OpenSegment; readonly chain: Buffer } {
    const { files, directory, bootId, gateway, version } = this.#options;
    const header = encodeHeader({ version, segment: number, createdAt, previous, bootId, gateway });
    const path = join(directory, segmentName(number));
    if (this.#halfMade) rmSync(path, { force: true });
    const fd = files.create(path);
    this.#halfMade = true;
    try {
      this.#write(fd, header, 0, header.length, 0);
    } catch (thrown) {
      files.close(fd);
      rmSync(path, { force: true });
      this.#halfMade = false;
      throw thrown;
    }
    this.#halfMade = false;
    const chain = Buffer.from(headerChain(header));
    if (number === 1) this.#firstChain = chain;
    const { length } = header;
    return { segment: { number, path, fd, start: length, offset: length, synced: 0, torn: false, ahead: 0, crowded: false, rewrite: false }, chain };
  }

  /** Nothing is left behind the last good frame. */
  #cut(segment: OpenSegment): void {
    if (segment.torn || segment.ahead > segment.offset) this.#options.files.truncate(segment.fd, segment.offset);
    segment.torn = false;
    segment.ahead = 0;
  }

  #write(fd: number, bytes: Uint8Array, start: number, end: number, position: number): void {
    for (let from = start; from < end; ) from += this.#options.files.write(fd, bytes, from, end - from, position + from - start);
  }
}

function settled(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
