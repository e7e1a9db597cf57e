/** The entries of a frame with their contents, as far as those can be had. */
import { decodeEntries, type Entry } from '../entry-decoder.js';
import type { EntryOpener } from './entry-opener.js';

/** As `decodeEntries`; a string as the last value says why the rest cannot be read. */
export function* openEntries(
  { body, entries }: { readonly body: Buffer; readonly entries: number },
  opener: EntryOpener,
): Generator<Entry | string, void, void> {
  for (const entry of decodeEntries(body, entries)) yield typeof entry === 'string' ? entry : opener.open(entry);
}
