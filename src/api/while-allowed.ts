/**
 * A stream that goes on only while its reader may read it: token, lock and roles are looked at again all the while, so whoever loses the right is cut
 * off within seconds.
 */
import type { ApiServices } from './api-services.js';
import { type Caller, identifyCaller } from './caller.js';

const RECHECK_MS = 3_000;

/**
 * @param chunks one comes every few seconds at least, so the question is asked that often
 * @param check throws when the caller, as now, may not read on
 */
export async function* whileAllowed(
  chunks: AsyncIterable<string>,
  caller: Caller,
  check: (now: Caller) => void,
  services: ApiServices,
): AsyncGenerator<string, void> {
  let checked = services.clock.monotonic();
  for await (const chunk of chunks) {
    if (services.clock.monotonic() - checked >= RECHECK_MS) {
      check(await identifyCaller(`Bearer ${caller.token.expose()}`, services));
      checked = services.clock.monotonic();
    }
    yield chunk;
  }
}
