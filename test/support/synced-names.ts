/**
 * What a power cut would leave of directories: the names that were in each when this process synced it last, through `FileHandle.sync`. Told apart by inode, so
 * that it does not matter by which path a directory was opened.
 */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

type Sync = (this: FileHandle) => Promise<void>;

export class SyncedNames {
  /** One for each sync of a directory, in order: who it was, and the names in it by then. */
  readonly syncs: { readonly inode: string; readonly names: readonly string[] }[] = [];
  readonly #methods: Record<'sync', Sync>;
  readonly #sync: Sync;

  private constructor(methods: Record<'sync', Sync>) {
    this.#methods = methods;
    this.#sync = methods.sync;
  }

  /** Watches until it is disposed of. */
  static async watch(): Promise<SyncedNames> {
    const handle = await open('.', 'r');
    const watching = new SyncedNames(Object.getPrototypeOf(handle) as Record<'sync', Sync>);
    await handle.close();
    const { syncs } = watching;
    const sync = watching.#sync;
    watching.#methods.sync = async function (this: FileHandle) {
      const found = await this.stat();
      // On disk is what was there when the sync began.
      const names = found.isDirectory() ? await readdir(`/proc/self/fd/${this.fd}`) : null;
      await sync.call(this);
      if (names !== null) syncs.push({ inode: inodeOf(found), names });
    };
    return watching;
  }

  /** The names that were put on disk by each sync of a directory. */
  async of(directory: string): Promise<(readonly string[])[]> {
    const inode = inodeOf(await stat(directory));
    return this.syncs.filter((each) => each.inode === inode).map(({ names }) => names);
  }

  /** Whether a file or directory could be found from `root` on after a power cut now. */
  async holds(root: string, path: string): Promise<boolean> {
    for (let at = path; at !== root; at = dirname(at)) {
      const name = at.slice(dirname(at).length + 1);
      if ((await this.of(dirname(at))).at(-1)?.includes(name) !== true) return false;
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.#methods.sync = this.#sync;
  }
}

function inodeOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`;
}
