/** What of each key's stream the journals of a directory use: no byte of it may encrypt two things, whatever was killed in between. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseHidden } from '../../src/recording/encryption/hidden-layout.js';
import { RECORD_BYTES } from '../../src/recording/encryption/session-keys.js';
import { decodeEntries } from '../../src/recording/entry-decoder.js';
import { listWorkers } from '../../src/recording/journal-directory.js';
import { walkJournal } from '../../src/recording/walk-journal.js';

export async function expectNoKeystreamTwice(dir: string): Promise<void> {
  const records = new Set<string>();
  const wrapped = new Set<string>();
  for (const bootId of await listWorkers(dir)) {
    const next = new Map<number, number>();
    for await (const item of walkJournal({ dir, bootId, live: false })) {
      if (item.kind !== 'frame') continue;
      for (const entry of decodeEntries(item.frame.body, item.frame.entries)) {
        if (typeof entry === 'string') throw new TypeError(entry);
        if (!entry.encrypted) continue;
        const parts = parseHidden(entry.kind, entry.payload);
        expect(parts?.position, `journal ${bootId}, session ${entry.session}`).toBe(next.get(entry.session) ?? 0);
        next.set(entry.session, (parts?.position ?? 0) + (parts?.ciphertext.length ?? 0));
      }
    }
    expect(next.size).toBeGreaterThan(0);
    const keys = await readFile(join(dir, bootId, 'keys'));
    for (const session of next.keys()) {
      const record = keys.toString('hex', session * RECORD_BYTES, (session + 1) * RECORD_BYTES);
      expect(record).toHaveLength(2 * RECORD_BYTES);
      expect(records.has(record), 'two sessions have one key').toBe(false);
      records.add(record);
    }
    const journalKey = await readFile(join(dir, bootId, 'keys.json'), 'utf8');
    expect(wrapped.has(journalKey), 'two journals have one key').toBe(false);
    wrapped.add(journalKey);
  }
}
