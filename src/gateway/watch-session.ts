/**
 * A live session as it is recorded, to look on: its record from the beginning, then whatever comes, until it ends. Where nothing happens a beat is
 * given, so that both ends know that the other is there. Whoever stops reading ends it.
 */
import { pause } from '../base/pause.js';

/** How long the end of the journal is left alone before it is looked at again. */
const LOOK_MS = 250;
const BEAT_MS = 5_000;

/** `read` is given what waits for more of a live record. `beat`: a line that says nothing. */
export async function* watchSession(read: (more: () => Promise<boolean>) => AsyncGenerator<string, void>, beat: string): AsyncGenerator<string, void> {
  const stop = new AbortController();
  const more = async (): Promise<boolean> => {
    await pause(LOOK_MS, stop.signal);
    return !stop.signal.aborted;
  };
  const chunks = read(more);
  try {
    let next = chunks.next();
    for (;;) {
      const timer = new AbortController();
      const chunk = await Promise.race([next, pause(BEAT_MS, timer.signal)]);
      timer.abort();
      if (chunk === undefined) yield beat;
      else if (chunk.done === true) return;
      else {
        next = chunks.next();
        yield chunk.value;
      }
    }
  } finally {
    stop.abort();
  }
}
