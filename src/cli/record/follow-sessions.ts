/**
 * New sessions, and sessions that ended, as they come: the list is asked for again and again, and what differs is given. Ends when `signal` is
 * aborted, or with the error of the gateway.
 */
import { pause } from '../../base/pause.js';
import type { SessionSummary } from '../../contract/api-types.js';

const EVERY_MS = 1_000;

export async function* followSessions(list: () => Promise<readonly SessionSummary[]>, signal: AbortSignal): AsyncGenerator<readonly SessionSummary[], void> {
  const known = new Map<string, string>();
  while (!signal.aborted) {
    const sessions = await list();
    // The oldest first, as they happened.
    const changed = sessions.filter(({ id, state }) => known.get(id) !== state).reverse();
    known.clear();
    for (const { id, state } of sessions) known.set(id, state);
    if (changed.length > 0) yield changed;
    await pause(EVERY_MS, signal);
  }
}
