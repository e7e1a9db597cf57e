/** What the journal gives the recorders of its sessions: the batch, the cap, buffers, and an ear for what happens outside a turn. Types only. */
import type { EntryBatch } from './entry-batch.js';
import type { StreamDigest } from './stream-digest.js';

export interface SessionHost {
  readonly batch: EntryBatch;
  readonly resultCap: number;
  /** Room for entries: commits early when the batch is large. @throws GwError `recording.failed` while the journal cannot be written. */
  ready(): void;
  /** Asks for a commit soon: an entry was written outside any turn of the path. */
  commitSoon(): void;
  takeStream(): StreamDigest;
  giveStream(stream: StreamDigest): void;
  /** The session's last entry is in the batch. */
  ended(session: number): void;
}
