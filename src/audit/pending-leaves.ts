/**
 * Leaves that are in the log and under no checkpoint yet, in files `pending.FIRST.N` beside the tiles. A leaf is in the kernel when `write`
 * returns and on disk after the next `sync`; a kill loses none of them. A file holds records: index u48, length u16, leaf, SHA-256 over
 * those three. What was torn by a crash fails its hash.
 */
import { hash } from 'node:crypto';
import { closeSync, fdatasync, fsync, openSync, rmSync, writeSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readBounded } from './bounded-file.js';

export interface PendingLeaf {
  readonly index: number;
  readonly leaf: Buffer;
}

const HEAD_BYTES = 8;
const SUM_BYTES = 32;
const NAME = /^pending\.(\d+)\.(\d+)$/;
const datasync = promisify(fdatasync);
const syncAll = promisify(fsync);

interface OpenFile {
  readonly path: string;
  readonly fd: number;
  /** Has bytes that are not known to be on disk. */
  dirty: boolean;
}

export class PendingLeaves {
  readonly #directory: string;
  readonly #directoryFd: number;
  #number: number;
  #files: OpenFile[] = [];
  #directoryDirty = false;
  /** How many files there were before the first `restart`; null: none since `dropOlder`. */
  #original: number | null = null;

  private constructor(directory: string, number: number) {
    this.#directory = directory;
    this.#directoryFd = openSync(directory, 'r');
    this.#number = number;
  }

  /** The file numbers that are taken stay as they are until `rotate` and `dropOlder`. */
  static async open(directory: string): Promise<PendingLeaves> {
    const numbers = (await listPending(directory)).map(({ number }) => number);
    return new PendingLeaves(directory, Math.max(0, ...numbers));
  }

  /** Begins a new file. The ones before it are complete. @throws the error of the file system */
  rotate(first: number): void {
    const path = join(this.#directory, `pending.${first}.${++this.#number}`);
    this.#files.push({ path, fd: openSync(path, 'wx', 0o600), dirty: true });
    this.#directoryDirty = true;
  }

  /** @throws the error of the file system; then the file may end in a torn record, and a new one must be begun */
  write(leaves: readonly PendingLeaf[]): void {
    const file = this.#files.at(-1);
    if (file === undefined || leaves.length === 0) return;
    const bytes = Buffer.concat(leaves.flatMap(encodeRecord));
    file.dirty = true;
    for (let from = 0; from < bytes.length; ) from += writeSync(file.fd, bytes, from);
  }

  /**
   * Begins a new file with all leaves that are under no checkpoint. The files of earlier restarts hold nothing else, so they are removed: however often it is
   * tried, only those of before the first one and those of the last one stay.
   * @throws the error of the file system; then nothing is begun
   */
  restart(first: number, leaves: readonly PendingLeaf[]): void {
    const before = this.#files.length;
    this.rotate(first);
    this.#original ??= before;
    try {
      this.write(leaves);
    } catch (thrown) {
      this.#remove(this.#files.splice(before));
      throw thrown;
    }
    this.#remove(this.#files.splice(this.#original, before - this.#original));
  }

  /** Everything written before the call is on disk when it resolves. One at a time. */
  async sync(): Promise<void> {
    for (const file of this.#files) {
      if (!file.dirty) continue;
      file.dirty = false;
      await datasync(file.fd);
    }
    if (!this.#directoryDirty) return;
    this.#directoryDirty = false;
    await syncAll(this.#directoryFd);
  }

  /** Removes every file but the newest one, whoever made it; with `all` that one too. Not while a sync is under way. */
  async dropOlder(all = false): Promise<void> {
    const kept = all ? [] : this.#files.slice(-1);
    for (const file of this.#files) if (!kept.includes(file)) closeSync(file.fd);
    this.#files = kept;
    this.#original = null;
    for (const { path } of await listPending(this.#directory)) if (path !== kept[0]?.path) await rm(path, { force: true });
  }

  close(): void {
    for (const { fd } of this.#files) closeSync(fd);
    this.#files = [];
    closeSync(this.#directoryFd);
  }

  #remove(files: readonly OpenFile[]): void {
    for (const { fd } of files) closeSync(fd);
    for (const { path } of files) rmSync(path, { force: true });
  }
}

export interface FoundLeaves {
  /** From index `from` on, without gaps. */
  readonly leaves: Buffer[];
  /** Bytes that are no whole records, or whose leaves do not follow on: torn by a crash, or changed. */
  readonly unreadableBytes: number;
}

/**
 * All pending leaves from index `from` on. Files are untrusted.
 * @param limit bytes of the largest file that is read; of a larger one nothing is. Left out: what a process of this gateway left is read as a whole.
 */
export async function readPending(directory: string, from: number, limit = Number.MAX_SAFE_INTEGER): Promise<FoundLeaves> {
  const leaves: Buffer[] = [];
  let unreadableBytes = 0;
  for (const { path } of await listPending(directory)) {
    const bytes = await readBounded(path, limit);
    if (bytes === null) {
      // Removed since it was listed: its leaves are under a checkpoint. Otherwise it is too large, or no file.
      unreadableBytes += (await lstat(path).catch(() => null))?.size ?? 0;
      continue;
    }
    let at = 0;
    for (let record = decodeRecord(bytes, at); record !== null; record = decodeRecord(bytes, at)) {
      const place = record.index - from;
      if (place > leaves.length) break;
      if (place === leaves.length) leaves.push(record.leaf);
      else if (place >= 0 && leaves[place]?.equals(record.leaf) !== true) break;
      at = record.end;
    }
    unreadableBytes += bytes.length - at;
  }
  return { leaves, unreadableBytes };
}

async function listPending(directory: string): Promise<{ readonly path: string; readonly first: number; readonly number: number }[]> {
  const files = (await readdir(directory)).flatMap((name) => {
    const [, first, number] = NAME.exec(name) ?? [];
    return first === undefined ? [] : [{ path: join(directory, name), first: Number(first), number: Number(number) }];
  });
  return files.sort((a, b) => a.first - b.first || a.number - b.number);
}

function encodeRecord({ index, leaf }: PendingLeaf): Buffer[] {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(index, 0, 6);
  head.writeUInt16BE(leaf.length, 6);
  return [head, leaf, hash('sha256', Buffer.concat([head, leaf]), 'buffer')];
}

function decodeRecord(bytes: Buffer, at: number): (PendingLeaf & { readonly end: number }) | null {
  if (at + HEAD_BYTES > bytes.length) return null;
  const leafEnd = at + HEAD_BYTES + bytes.readUInt16BE(at + 6);
  const end = leafEnd + SUM_BYTES;
  if (end > bytes.length || !hash('sha256', bytes.subarray(at, leafEnd), 'buffer').equals(bytes.subarray(leafEnd, end))) return null;
  return { index: bytes.readUIntBE(at, 6), leaf: bytes.subarray(at + HEAD_BYTES, leafEnd), end };
}
