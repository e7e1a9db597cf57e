/**
 * The few system calls that the journal makes on its segments, as a port: the file system of this machine by default, a failing one where
 * a test needs an error that no real device gives on demand. Calls on the path are synchronous; syncing is not.
 */
import { closeSync, fdatasync, fdatasyncSync, fsync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

export interface SegmentFiles {
  /** Creates a file that must not exist yet. */
  create(path: string): number;
  /** Writes at a position; may write less than asked. */
  write(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): number;
  read(fd: number, bytes: Uint8Array, length: number, position: number): number;
  truncate(fd: number, length: number): void;
  /** Contents (and the length, which is needed to read them) are on disk when `done` is called without an error. */
  datasync(fd: number, done: (error: Error | null) => void): void;
  /** The same at once, blocking: for the end of a segment only. */
  datasyncNow(fd: number): void;
  openDirectory(path: string): number;
  syncDirectory(fd: number, done: (error: Error | null) => void): void;
  close(fd: number): void;
}

export const systemFiles: SegmentFiles = {
  create: (path) => openSync(path, 'wx+', 0o600),
  write: (fd, bytes, offset, length, position) => writeSync(fd, bytes, offset, length, position),
  read: (fd, bytes, length, position) => readSync(fd, bytes, 0, length, position),
  truncate: (fd, length) => ftruncateSync(fd, length),
  datasync: (fd, done) => fdatasync(fd, (error) => done(error)),
  datasyncNow: (fd) => fdatasyncSync(fd),
  openDirectory: (path) => openSync(path, 'r'),
  syncDirectory: (fd, done) => fsync(fd, (error) => done(error)),
  close: (fd) => closeSync(fd),
};
