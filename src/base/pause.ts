/** Waiting that can be cut short. Node built-ins only. */
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves after `milliseconds`, or as soon as `stopped` is aborted; never rejects for that. */
export async function pause(milliseconds: number, stopped: AbortSignal): Promise<undefined> {
  await delay(milliseconds, undefined, { signal: stopped }).catch((cause: unknown) => {
    if (!stopped.aborted) throw cause;
  });
}
