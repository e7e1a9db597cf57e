/**
 * SFTP of web-1, with the rights of the account that this process runs as. Requests are done one after the other, in the order in which they
 * came, as OpenSSH's server does them; a name is the system's to resolve, from the account's home on.
 */
import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import ssh2, { type FileAttributes, type SftpStream } from 'ssh2';
import { errorCode } from '../../base/error-code.js';
import { attributesOf, nameOf, statusOf } from './file-attributes.js';

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;
/** Bytes that one READ gives at most; clients ask again. */
const MAX_READ = 65_536;
const MAX_HANDLES = 256;
/** Requests and answers that wait. OpenSSH has 64 on the way; who has this many more does not read. */
const MAX_WAITING = 1_024;
const NAMES_AT_ONCE = 100;
/** Whether the client has taken the last answers. */
const LOOK_MS = 10;

interface OpenFile {
  readonly kind: 'file';
  readonly file: fs.FileHandle;
}

interface OpenDirectory {
  readonly kind: 'directory';
  readonly path: string;
  /** Names that were not given yet. */
  names: readonly string[];
}

/** A failure that no call of the system told. */
class Refused extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export function serveFiles(sftp: SftpStream): void {
  const open = new Map<number, OpenFile | OpenDirectory>();
  let lastHandle = 0;
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();

  const next = (id: number, work: () => Promise<unknown>): void => {
    waiting += 1;
    if (waiting + sftp._buffer.length > MAX_WAITING) {
      sftp.destroy();
      return;
    }
    last = last.then(work).then(
      (answered) => {
        waiting -= 1;
        // What gives nothing says so itself: that it was done.
        if (answered === undefined) sftp.status(id, STATUS_CODE.OK);
      },
      (cause: unknown) => {
        waiting -= 1;
        const code = errorCode(cause);
        sftp.status(id, statusOf(code), code);
      },
    );
  };
  const keep = (id: number, entry: OpenFile | OpenDirectory): true => {
    lastHandle += 1;
    open.set(lastHandle, entry);
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(lastHandle);
    sftp.handle(id, handle);
    return true;
  };
  const entryOf = (handle: Buffer): OpenFile | OpenDirectory => {
    const entry = handle.length === 4 ? open.get(handle.readUInt32BE()) : undefined;
    if (entry === undefined) throw new Refused('EBADF');
    return entry;
  };
  const fileOf = (handle: Buffer): fs.FileHandle => {
    const entry = entryOf(handle);
    if (entry.kind !== 'file') throw new Refused('EISDIR');
    return entry.file;
  };
  const hasRoom = (): void => {
    if (open.size >= MAX_HANDLES) throw new Refused('EMFILE');
  };
  const tellAttributes = (id: number, stats: Stats): true => {
    sftp.attrs(id, attributesOf(stats));
    return true;
  };
  const tellPath = (id: number, path: string): true => {
    sftp.name(id, [{ filename: path, longname: path }]);
    return true;
  };

  sftp.on('OPEN', (id, path, flags, { mode }) =>
    next(id, async () => {
      hasRoom();
      return keep(id, { kind: 'file', file: await fs.open(named(path), flagsOf(flags), (mode ?? 0o666) & 0o7777) });
    }),
  );
  sftp.on('CLOSE', (id, handle) =>
    next(id, async () => {
      const entry = entryOf(handle);
      open.delete(handle.readUInt32BE());
      if (entry.kind === 'file') await entry.file.close();
    }),
  );
  sftp.on('READ', (id, handle, offset, length) =>
    next(id, async () => {
      const { buffer, bytesRead } = await fileOf(handle).read(Buffer.allocUnsafe(Math.min(length, MAX_READ)), 0, Math.min(length, MAX_READ), offset);
      if (bytesRead === 0) sftp.status(id, STATUS_CODE.EOF);
      else sftp.data(id, buffer.subarray(0, bytesRead));
      return true;
    }),
  );
  sftp.on('WRITE', (id, handle, offset, data) =>
    next(id, async () => {
      const file = fileOf(handle);
      for (let done = 0; done < data.length; ) done += (await file.write(data, done, data.length - done, offset + done)).bytesWritten;
    }),
  );
  sftp.on('STAT', (id, path) => next(id, async () => tellAttributes(id, await fs.stat(named(path)))));
  sftp.on('LSTAT', (id, path) => next(id, async () => tellAttributes(id, await fs.lstat(named(path)))));
  sftp.on('FSTAT', (id, handle) => next(id, async () => tellAttributes(id, await fileOf(handle).stat())));
  sftp.on('SETSTAT', (id, path, attributes) => next(id, () => setAttributes(byName(named(path)), attributes)));
  sftp.on('FSETSTAT', (id, handle, attributes) => next(id, () => setAttributes(fileOf(handle), attributes)));
  sftp.on('OPENDIR', (id, path) =>
    next(id, async () => {
      hasRoom();
      return keep(id, { kind: 'directory', path: named(path), names: ['.', '..', ...(await fs.readdir(named(path)))] });
    }),
  );
  sftp.on('READDIR', (id, handle) =>
    next(id, async () => {
      const entry = entryOf(handle);
      if (entry.kind !== 'directory') throw new Refused('ENOTDIR');
      const names = entry.names.slice(0, NAMES_AT_ONCE);
      entry.names = entry.names.slice(NAMES_AT_ONCE);
      if (names.length === 0) sftp.status(id, STATUS_CODE.EOF);
      else sftp.name(id, (await Promise.all(names.map((name) => listed(entry.path, name)))).flat());
      return true;
    }),
  );
  sftp.on('REMOVE', (id, path) => next(id, () => fs.unlink(named(path))));
  sftp.on('RMDIR', (id, path) => next(id, () => fs.rmdir(named(path))));
  sftp.on('MKDIR', (id, path, { mode }) => next(id, () => fs.mkdir(named(path), (mode ?? 0o777) & 0o7777)));
  sftp.on('REALPATH', (id, path) => next(id, async () => tellPath(id, await realPath(named(path)))));
  sftp.on('READLINK', (id, path) => next(id, async () => tellPath(id, await fs.readlink(named(path)))));
  sftp.on('RENAME', (id, from, to) => next(id, () => rename(named(from), named(to))));
  sftp.on('SYMLINK', (id, first, second) => {
    // Every client sends the two as OpenSSH does, target first; the library turns them round for those alone that say they are OpenSSH.
    const [target, link] = sftp._isOpenSSH ? [second, first] : [first, second];
    next(id, () => fs.symlink(target, named(link)));
  });
  sftp.on('end', () => {
    void last.then(async () => {
      while (sftp._buffer.length > 0 && sftp.outgoing.state === 'open') await delay(LOOK_MS);
      if (sftp.outgoing.state !== 'open') return;
      sftp._protocol.exitStatus(sftp.outgoing.id, 0);
      sftp.destroy();
    });
  });
  sftp.on('close', () => {
    void last.then(async () => {
      const files = [...open.values()].flatMap((entry) => (entry.kind === 'file' ? [entry.file] : []));
      open.clear();
      await Promise.allSettled(files.map((file) => file.close()));
    });
  });
  // What cannot be read ends the session, which the library has seen to.
  sftp.on('error', () => undefined);
}

/** No name is the directory that one is in. */
const named = (path: string): string => (path === '' ? '.' : path);

function flagsOf(asked: number): number {
  const has = (bit: number): boolean => (asked & bit) !== 0;
  const access = has(OPEN_MODE.WRITE) ? (has(OPEN_MODE.READ) ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  return (
    access |
    (has(OPEN_MODE.APPEND) ? constants.O_APPEND : 0) |
    (has(OPEN_MODE.CREAT) ? constants.O_CREAT : 0) |
    (has(OPEN_MODE.TRUNC) ? constants.O_TRUNC : 0) |
    (has(OPEN_MODE.EXCL) ? constants.O_EXCL : 0) |
    // A pipe that nobody has open at its other end would keep everybody waiting, not only who asked for it.
    constants.O_NONBLOCK |
    constants.O_NOCTTY
  );
}

async function listed(directory: string, name: string): Promise<ReturnType<typeof nameOf>[]> {
  try {
    return [nameOf(name, await fs.lstat(`${directory}/${name}`), Date.now())];
  } catch (cause) {
    // It was removed meanwhile.
    if (errorCode(cause) === 'ENOENT') return [];
    throw cause;
  }
}

/** The last part need not be there: it may be what is made next. */
async function realPath(path: string): Promise<string> {
  try {
    return await fs.realpath(path);
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause;
    return join(await fs.realpath(dirname(path)), basename(path));
  }
}

/** Replaces nothing: what has the new name already stays. */
async function rename(from: string, to: string): Promise<void> {
  const stats = await fs.lstat(from);
  if (stats.isFile()) {
    try {
      await fs.link(from, to);
      return await fs.unlink(from);
    } catch (cause) {
      // Filesystems without links, and files that may not be linked because they are somebody else's.
      if (!['EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EPERM'].includes(errorCode(cause))) throw cause;
    }
  }
  const taken = await fs.lstat(to).then(
    () => true,
    (cause: unknown) => errorCode(cause) !== 'ENOENT',
  );
  if (taken) throw new Refused('EEXIST');
  await fs.rename(from, to);
}

/** What has attributes: a file that is open, or whatever has a name. */
type Changeable = Pick<fs.FileHandle, 'truncate' | 'chmod' | 'utimes' | 'chown'>;

const byName = (path: string): Changeable => ({
  truncate: (size) => fs.truncate(path, size),
  chmod: (mode) => fs.chmod(path, mode),
  utimes: (atime, mtime) => fs.utimes(path, atime, mtime),
  chown: (uid, gid) => fs.chown(path, uid, gid),
});

async function setAttributes(of: Changeable, { size, mode, atime, mtime, uid, gid }: FileAttributes): Promise<void> {
  if (size !== undefined) await of.truncate(size);
  if (mode !== undefined) await of.chmod(mode & 0o7777);
  if (atime !== undefined && mtime !== undefined) await of.utimes(atime, mtime);
  if (uid !== undefined && gid !== undefined) await of.chown(uid, gid);
}
