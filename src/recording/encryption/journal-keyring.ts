/**
 * The keys of journals: each journal has one of its own, wrapped by a key file or a key service and kept beside it in `keys.json`. Opens
 * them for readers, and makes one for a new journal. Nothing unwrapped is ever written. What is read is untrusted.
 */
import { hkdfSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere } from '../../base/read-if-there.js';
import { GwError } from '../../contract/gw-error.js';
import { EntryOpener } from './entry-opener.js';
import { KEY_BYTES } from './session-keys.js';

/** What wraps the keys of journals: the key files, or a key service. */
export interface KeyWrapper {
  /** Names the key that wraps, in the journal and in errors; never the key itself. */
  readonly id: string;
  /** @throws GwError `recording.key` */
  wrap(key: Buffer): Promise<string>;
}

export interface KeyUnwrapper {
  /** Whether `unwrap` can be asked for what the wrapper of this id wrapped. */
  knows(id: string): boolean;
  /** @throws GwError `recording.key` */
  unwrap(id: string, wrapped: string): Promise<Buffer>;
}

const WRAPPED_CHARACTERS = 65_536;
const wrappedKey = z.strictObject({ version: z.literal(1), wrappedBy: z.string().min(1).max(300), key: z.string().min(1).max(WRAPPED_CHARACTERS) });
export type WrappedKey = z.output<typeof wrappedKey>;

export const WRAPPED_FILE = 'keys.json';

/** A new key for the journal, and how it is kept. @throws GwError `recording.key` */
export async function newJournalKey(bootId: string, wrapper: KeyWrapper): Promise<{ readonly key: Buffer; readonly kept: WrappedKey }> {
  const seed = randomBytes(KEY_BYTES);
  const kept: WrappedKey = { version: 1, wrappedBy: wrapper.id, key: await wrapper.wrap(seed) };
  return { key: journalKey(seed, bootId), kept };
}

/** How the key of a journal is wrapped; null when the journal is not encrypted. @throws GwError `recording.key` when that cannot be read */
export async function readWrappedKey(workerDirectory: string): Promise<WrappedKey | null> {
  const text = await readIfThere(join(workerDirectory, WRAPPED_FILE));
  if (text === null) return null;
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(workerDirectory, cause);
  }
  const parsed = wrappedKey.safeParse(value);
  if (!parsed.success) throw unreadable(workerDirectory, parsed.error);
  return parsed.data;
}

/** Opens journals for readers. */
export interface JournalKeys {
  /** What reads the entries of a journal. Sessions whose keys were destroyed stay hidden. @throws GwError `recording.key` when the journal's key cannot be had */
  opener(dir: string, bootId: string): Promise<EntryOpener>;
}

export class JournalKeyring implements JournalKeys {
  readonly #unwrapper: KeyUnwrapper;
  readonly #known = new Map<string, Promise<Buffer>>();

  constructor(unwrapper: KeyUnwrapper) {
    this.#unwrapper = unwrapper;
  }

  async opener(dir: string, bootId: string): Promise<EntryOpener> {
    return new EntryOpener(join(dir, bootId), await this.key(dir, bootId));
  }

  /** The key of a journal; null when it is not encrypted. @throws GwError `recording.key` when it cannot be had */
  async key(dir: string, bootId: string): Promise<Buffer | null> {
    const kept = await readWrappedKey(join(dir, bootId));
    if (kept === null) return null;
    const name = `${bootId}\n${kept.wrappedBy}\n${kept.key}`;
    let key = this.#known.get(name);
    if (key === undefined) {
      key = this.#unwrapper.unwrap(kept.wrappedBy, kept.key).then((seed) => journalKey(seed, bootId));
      this.#known.set(name, key);
      // A key service that was away is asked again.
      key.catch(() => this.#known.delete(name));
    }
    return key;
  }
}

/** For journals that are not encrypted; of others, what is hidden stays hidden. */
export const plainJournals: JournalKeys = {
  opener: (dir, bootId) => Promise.resolve(new EntryOpener(join(dir, bootId), null)),
};

/** Bound to its journal: the wrapped key of another one opens nothing. */
function journalKey(seed: Buffer, bootId: string): Buffer {
  if (seed.length !== KEY_BYTES)
    throw new GwError('recording.key', `The unwrapped key of the journal ${bootId} has ${seed.length} bytes instead of ${KEY_BYTES}.`);
  return Buffer.from(hkdfSync('sha256', seed, Buffer.alloc(0), `gw journal ${bootId}`, KEY_BYTES));
}

function unreadable(directory: string, cause: unknown): GwError {
  return new GwError('recording.key', `The file ${join(directory, WRAPPED_FILE)} with the wrapped key of the journal cannot be read.`, { cause });
}
