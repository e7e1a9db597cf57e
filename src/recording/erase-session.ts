/**
 * Makes the content of one session unreadable for ever, by the only copy of its key; no byte that a hash covers changes. Sessions of journals that are
 * not encrypted have no key, and end with their journal.
 */
import { join } from 'node:path';
import { EntryOpener } from './encryption/entry-opener.js';
import { readWrappedKey } from './encryption/journal-keyring.js';
import { openEntries } from './encryption/open-entries.js';
import { destroyKey, readKeyRecord } from './encryption/session-keys.js';
import { decodeObject } from './entry-decoder.js';
import { KIND } from './format.js';
import { listSegments } from './journal-directory.js';
import { isBootId } from './segment-layout.js';
import { walkJournal } from './walk-journal.js';

/** `destroyed`: it was readable until now. `gone`: it was destroyed before. `plain`: the journal is not encrypted. */
type Erasure = 'destroyed' | 'gone' | 'plain';

/** @param number of the session in its journal. @throws errors of the file system: then it may be readable still */
export function eraseNumbered(dir: string, bootId: string, number: number): Erasure {
  const was = destroyKey(join(dir, bootId), number);
  return was === 'kept' ? 'destroyed' : was === 'destroyed' ? 'gone' : 'plain';
}

/** Whether what a session recorded can be read: `ended`: its key was destroyed. `plain`: it has none. `absent`: the journal, or its key, is not here. */
export async function contentState(dir: string, bootId: string, number: number): Promise<'kept' | 'ended' | 'plain' | 'absent'> {
  if (!isBootId(bootId)) return 'absent';
  const directory = join(dir, bootId);
  const { state } = readKeyRecord(directory, number);
  if (state !== 'none') return state === 'kept' ? 'kept' : 'ended';
  const here = (await listSegments(directory)).length > 0;
  return here && (await readWrappedKey(directory)) === null ? 'plain' : 'absent';
}

/** Number of a session in its journal; null when it is not there, or the journal has no name of one: it becomes part of a path. Needs no key: ids of sessions are in the clear. */
export async function sessionNumber(dir: string, bootId: string, session: string): Promise<number | null> {
  if (!isBootId(bootId)) return null;
  const directory = join(dir, bootId);
  if ((await listSegments(directory)).length === 0) return null;
  const opener = new EntryOpener(directory, null);
  for await (const item of walkJournal({ dir, bootId, live: true })) {
    if (item.kind !== 'frame') continue;
    for (const entry of openEntries(item.frame, opener)) {
      if (typeof entry === 'string') break;
      if (entry.kind === KIND.sessionStart && decodeObject(entry.payload)?.['session'] === session) return entry.session;
    }
  }
  return null;
}
