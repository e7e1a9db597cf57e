/** Files of evidence that are changed and put right again: what was there stands in memory. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

export class EvidenceFiles {
  readonly dir: string;
  readonly #originals: Map<string, Buffer>;
  readonly #earlier: Map<string, Buffer>;
  readonly #touched = new Set<string>();

  private constructor(dir: string, originals: Map<string, Buffer>, earlier: Map<string, Buffer>) {
    this.dir = dir;
    this.#originals = originals;
    this.#earlier = earlier;
  }

  static async read(dir: string, earlier: string): Promise<EvidenceFiles> {
    return new EvidenceFiles(dir, await all(dir), await all(earlier));
  }

  /** The same files in another directory, which is made: what is changed in one is not changed in the other. */
  async copyTo(dir: string): Promise<EvidenceFiles> {
    const copy = new EvidenceFiles(dir, this.#originals, this.#earlier);
    await copy.restore(() => true);
    return copy;
  }

  /** Paths below the directory, sorted. */
  get paths(): string[] {
    return [...this.#originals.keys()].sort();
  }

  original(path: string): Buffer {
    return required(this.#originals, path);
  }

  /** What the file was at an earlier time. */
  earlier(path: string): Buffer {
    return required(this.#earlier, path);
  }

  /** @param bytes null: the file is gone */
  async write(path: string, bytes: Buffer | null): Promise<void> {
    this.#touched.add(path);
    await this.#put(path, bytes);
  }

  /** Everything below will be changed by somebody else. */
  touch(prefix: string): void {
    this.#touched.add(prefix);
  }

  /** Everything below as it was earlier. */
  async putBack(prefix: string): Promise<void> {
    this.touch(prefix);
    for (const path of this.paths.filter((each) => each.startsWith(prefix))) if (!this.#earlier.has(path)) await this.#put(path, null);
    for (const [path, bytes] of this.#earlier) if (path.startsWith(prefix)) await this.#put(path, bytes);
  }

  /** Puts some files right. */
  async restore(wanted: (path: string) => boolean): Promise<void> {
    for (const path of this.paths.filter(wanted)) await this.#put(path, this.original(path));
  }

  /** Puts everything right that was touched. */
  async reset(): Promise<void> {
    const touched = [...this.#touched];
    this.#touched.clear();
    const below = (path: string): boolean => touched.some((prefix) => path === prefix || (!isFile(prefix) && path.startsWith(prefix)));
    for (const path of touched) if (isFile(path) && !this.#originals.has(path)) await rm(join(this.dir, path), { force: true });
    if (!touched.every(isFile)) {
      for (const path of (await all(this.dir)).keys()) if (below(path) && !this.#originals.has(path)) await this.#put(path, null);
    }
    await this.restore(below);
  }

  async #put(path: string, bytes: Buffer | null): Promise<void> {
    const file = join(this.dir, path);
    if (bytes === null) return rm(file);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
}

function isFile(touched: string): boolean {
  return touched !== '' && !touched.endsWith('/');
}

async function all(dir: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found.set(relative(dir, path), await readFile(path));
  }
  return found;
}

function required(files: ReadonlyMap<string, Buffer>, path: string): Buffer {
  const bytes = files.get(path);
  if (bytes === undefined) throw new TypeError(`there is no ${path}`);
  return bytes;
}
