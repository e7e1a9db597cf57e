/**
 * A directory that appears under its name only when it is whole. It is made beside its place, `NAME.part`; what an earlier attempt left there is taken
 * away. Paths inside are untrusted: none leads out of it.
 */
import { rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileProblem } from '../../base/file-problem.js';
import { isInnerPath } from '../../base/inner-path.js';
import { GwError } from '../../contract/gw-error.js';

interface Inner {
  handle: Promise<FileHandle>;
  /** Writes to one file one after the other. */
  chain: Promise<unknown>;
}

export class StagedDirectory {
  readonly path: string;
  readonly #part: string;
  readonly #open = new Map<string, Inner>();
  readonly #made = new Set<string>();

  private constructor(path: string) {
    this.path = path;
    this.#part = `${path}.part`;
  }

  /** @returns null when something stands in its place already, and is not an empty directory. File system errors are thrown as they are */
  static async begin(path: string): Promise<StagedDirectory | null> {
    const there = await readdir(path).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
      if ((cause as NodeJS.ErrnoException).code === 'ENOTDIR') return ['file'];
      throw cause;
    });
    if (there.length > 0) return null;
    const staged = new StagedDirectory(path);
    await rm(staged.#part, { recursive: true, force: true });
    await mkdir(staged.#part, { recursive: true, mode: 0o700 });
    return staged;
  }

  /** The next bytes of a file; `last`: it is whole. @throws GwError `gateway.unreachable` for a path that leads out of the directory */
  write(path: string, bytes: Uint8Array, last: boolean): Promise<void> {
    if (!isInnerPath(path)) return Promise.reject(new GwError('gateway.unreachable', 'The gateway sent a file that would not lie in the pack.'));
    const file = this.#open.get(path) ?? this.#begin(path);
    const written = file.chain.then(async () => {
      const handle = await file.handle;
      if (bytes.length > 0) await handle.writeFile(bytes);
      if (!last) return;
      this.#open.delete(path);
      await handle.close();
    });
    // Its failure is told by what `write` gave.
    file.chain = written.catch(() => undefined);
    return written;
  }

  /** Puts it in its place. @throws GwError `gateway.unreachable` when a file in it is not whole; `usage.invalid` when something came to stand there meanwhile */
  async finish(): Promise<void> {
    if (this.#open.size > 0) throw new GwError('gateway.unreachable', `The pack ended with ${this.#open.size} files that are not whole.`);
    // An empty directory may stand there, and nothing else.
    await rename(this.#part, this.path).catch((cause: unknown) => {
      throw new GwError('usage.invalid', `Something came to stand at ${this.path} while the pack was made: ${fileProblem(cause)}.`, {
        cause,
        hint: 'Name a directory that does not exist yet with --out.',
      });
    });
  }

  /** Leaves nothing. */
  async abandon(): Promise<void> {
    for (const { handle, chain } of this.#open.values()) {
      await chain;
      await handle.then(
        (file) => file.close(),
        () => undefined,
      );
    }
    await rm(this.#part, { recursive: true, force: true });
  }

  /** The same at once, for a process that is being ended. */
  abandonNow(): void {
    rmSync(this.#part, { recursive: true, force: true });
  }

  #begin(path: string): Inner {
    const handle = this.#create(join(this.#part, path));
    handle.catch(() => undefined);
    const file = { handle, chain: Promise.resolve() };
    this.#open.set(path, file);
    return file;
  }

  async #create(path: string): Promise<FileHandle> {
    const directory = dirname(path);
    if (!this.#made.has(directory)) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      this.#made.add(directory);
    }
    return open(path, 'wx', 0o600);
  }
}
