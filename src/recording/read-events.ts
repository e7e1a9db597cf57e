/**
 * What a journal says beside operations: begins and ends of sessions, and events of the gateway, in the order in which they were written. Follows a
 * journal that is being written too. Untrusted; what cannot be read, or was erased, is left out. Contents of sessions are not opened at all.
 */
import type { SessionEnd, SessionStart } from '../contract/recording.js';
import { type JournalKeys, plainJournals } from './encryption/journal-keyring.js';
import { decodeEnd, decodeEntries, decodeEvent } from './entry-decoder.js';
import { KIND } from './format.js';
import { readEnd, readStart } from './recorded-shapes.js';
import { type WalkOptions, walkJournal } from './walk-journal.js';

export type JournalEvent =
  | { readonly kind: 'start'; readonly start: SessionStart }
  | { readonly kind: 'end'; readonly session: string; readonly end: SessionEnd }
  | { readonly kind: 'event'; readonly event: string; readonly data: Readonly<Record<string, unknown>> };

const OPEN_SESSIONS = 200_000;

/** @throws GwError `recording.key` when the journal is encrypted and its key cannot be had */
export async function* readEvents(options: WalkOptions & { readonly keys?: JournalKeys }): AsyncGenerator<JournalEvent, void> {
  const opener = await (options.keys ?? plainJournals).opener(options.dir, options.bootId);
  const open = new Map<number, string>();
  for await (const item of walkJournal(options)) {
    if (item.kind !== 'frame') continue;
    for (const entry of decodeEntries(item.frame.body, item.frame.entries)) {
      if (typeof entry === 'string') break;
      const { kind, session } = entry;
      if (kind !== KIND.sessionStart && kind !== KIND.sessionEnd && (kind !== KIND.event || session !== 0)) continue;
      const { payload, hidden } = opener.open(entry);
      if (kind === KIND.sessionStart) {
        const start = hidden === null ? readStart(payload) : null;
        if (start === null) continue;
        if (open.size < OPEN_SESSIONS) open.set(session, start.session);
        yield { kind: 'start', start };
      } else if (kind === KIND.sessionEnd) {
        const id = open.get(session);
        open.delete(session);
        const end = hidden === null ? decodeEnd(payload) : null;
        const read = end === null ? null : readEnd(end.json);
        if (id !== undefined && read !== null) yield { kind: 'end', session: id, end: read };
      } else if (hidden === null) {
        const event = decodeEvent(payload);
        if (event !== null) yield { kind: 'event', event: event.kind, data: event.data };
      }
    }
  }
}
