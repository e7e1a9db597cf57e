/**
 * The items of a session's record for who joins it late: those of before, then a word that from here on they come as they happen, then these. What is
 * to be read before takes its time, and between its items others have their turn.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { SessionItem } from './recorded.js';

export type LiveItem = SessionItem | { readonly kind: 'live' };

/** Items that are read in one go. */
const TOGETHER = 32;

/** `live`: resolves when everything that was there has been read. */
export async function* sayWhenLive(items: AsyncGenerator<SessionItem, void>, live: Promise<void>): AsyncGenerator<LiveItem, void> {
  let waiting: Promise<'live'> | null = live.then(() => 'live' as const);
  let next: ReturnType<typeof items.next> | null = null;
  for (let count = 1; ; count++) {
    next ??= items.next();
    const found: 'live' | IteratorResult<SessionItem, void> = await (waiting === null ? next : Promise.race([next, waiting]));
    if (found === 'live') {
      waiting = null;
      yield { kind: 'live' };
      continue;
    }
    if (found.done === true) return;
    next = null;
    yield found.value;
    if (waiting !== null && count % TOGETHER === 0) await turn();
  }
}
