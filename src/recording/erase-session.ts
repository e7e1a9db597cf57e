/**
 * Makes the content of one session unreadable for ever, by the only copy of its key; no byte that a hash covers changes. Sessions of journals that are
 * not encrypted have no key, and end with their journal.
 */
import { join } from 'node:path';
import { EntryOpener } from './encryption/entry-opener.js';
import { openEntries } from './encryption/open-entries.js';
import { destroyKey } from './encryption/session-keys.js';
import { decodeObject } from './entry-decoder.js';
import { KIND } from './format.js';
import { listSegments } from './journal-directory.js';
import { walkJournal } from './walk-journal.js';

/**
 * `destroyed`: it was readable until now. `gone`: it was destroyed before. `plain`: the journal is not encrypted. `absent`: the journal is not here,
 * or holds no such session.
 */
export type Erasure = 'destroyed' | 'gone' | 'plain' | 'absent';

/** @throws errors of the file system: then it may be readable still */
export async function eraseSession(dir: string, bootId: string, session: string): Promise<Erasure> {
  const number = await numberOf(dir, bootId, session);
  return number === null ? 'absent' : eraseNumbered(dir, bootId, number);
}

/** The same for who knows the number of the session in its journal. */
export function eraseNumbered(dir: string, bootId: string, number: number): Erasure {
  const was = destroyKey(join(dir, bootId), number);
  return was === 'kept' ? 'destroyed' : was === 'destroyed' ? 'gone' : 'plain';
}

/** Ids of sessions are in the clear. */
async function numberOf(dir: string, bootId: string, session: string): Promise<number | null> {
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
