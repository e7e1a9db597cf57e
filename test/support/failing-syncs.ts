/** A disk that fails when names are put on it: the syncs of directories of this process, through `FileHandle.sync`, reject as the kernel's do while `fails` says so. */
import { type FileHandle, open, readdir } from 'node:fs/promises';

type Sync = (this: FileHandle) => Promise<void>;

export class FailingSyncs {
  /** Syncs that failed. */
  count = 0;
  readonly #methods: Record<'sync', Sync>;
  readonly #sync: Sync;

  private constructor(methods: Record<'sync', Sync>) {
    this.#methods = methods;
    this.#sync = methods.sync;
  }

  /** @param fails asked before each sync of a directory, with the names in it. Lasts until it is disposed of. */
  static async begin(fails: (names: readonly string[]) => boolean | Promise<boolean>): Promise<FailingSyncs> {
    const handle = await open('.', 'r');
    const failing = new FailingSyncs(Object.getPrototypeOf(handle) as Record<'sync', Sync>);
    await handle.close();
    const sync = failing.#sync;
    failing.#methods.sync = async function (this: FileHandle) {
      if ((await this.stat()).isDirectory() && (await fails(await readdir(`/proc/self/fd/${this.fd}`)))) {
        failing.count++;
        throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO', syscall: 'fsync' });
      }
      await sync.call(this);
    };
    return failing;
  }

  [Symbol.dispose](): void {
    this.#methods.sync = this.#sync;
  }
}
