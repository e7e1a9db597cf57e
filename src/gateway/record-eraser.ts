/**
 * Ends the content of a session wherever the gateway keeps it: its key in the journal, its operations in the index, its texts in the state database. In
 * this order, so that what stops half-way is done as a whole when it is asked for again.
 */
import { GwError } from '../contract/gw-error.js';
import type { ContentStore, HoldStore } from '../contract/record-keeping.js';
import type { SessionSummary } from '../contract/session-store.js';
import { contentState, eraseNumbered, sessionNumber } from '../recording/index.js';

export interface RecordEraserOptions {
  readonly journalDir: string;
  readonly holds: HoldStore;
  readonly contents: ContentStore;
}

export interface ErasedRecord {
  /** It was erased or had expired before; nothing was written to the log. */
  readonly again: boolean;
  /** `none`: nothing of it is left in the files of the state database. `server-log`: the server keeps its own log a while longer. */
  readonly traces: 'none' | 'server-log';
}

export type EraseRecord = (session: SessionSummary, record: () => Promise<void>) => Promise<ErasedRecord>;

export function createRecordEraser({ journalDir, holds, contents }: RecordEraserOptions): EraseRecord {
  return async (session, record) => {
    if (session.state !== 'ended') throw new GwError('record.live', 'The session still runs; its record is being written.');
    const { id, issuer, subject, target, journal, content, clientRecording } = session;
    const held = { session: id, issuer, subject, target, ...(clientRecording === undefined ? {} : { clientRecording }) };
    const number = await sessionNumber(journalDir, journal, id);
    await holds.unlessHeld(held, async () => {
      // The log says nothing of what cannot be done.
      requireErasable(number === null ? 'absent' : await contentState(journalDir, journal, number), session);
      if (content === 'kept') await record();
      if (number !== null) eraseNumbered(journalDir, journal, number);
      // Before a hold on another session under its recording can come.
      await contents.remove(id, 'erased');
    });
    return { again: content !== 'kept', traces: (await contents.scrub()) ? 'none' : 'server-log' };
  };
}

function requireErasable(state: Awaited<ReturnType<typeof contentState>>, { id, journal, content }: SessionSummary): void {
  if (state === 'plain')
    throw new GwError('record.plain', `The session ${id} was recorded before journals were encrypted: it has no key that could be destroyed.`);
  // A journal that expired as a whole is gone, and its sessions with it.
  if (state === 'absent' && content === 'kept')
    throw new GwError('record.elsewhere', `The journal ${journal} of this session, or its key, is not on this gateway, so it was not erased.`);
}
