/** A copy of what a gateway writes meanwhile. It drops partial tiles of its log as that grows: who was about to copy one begins anew. */
import { cp, rm } from 'node:fs/promises';
import { errorCode } from '../../src/base/error-code.js';
import { eventually } from '../store/state-server.js';

/** @param to is not there yet @param leaveOut what is not copied, by its path */
export async function copyLive(from: string, to: string, leaveOut = /(?!)/): Promise<void> {
  await eventually(`${from} is copied`, async () => {
    try {
      await cp(from, to, { recursive: true, filter: (source) => !leaveOut.test(source) });
      return true;
    } catch (thrown) {
      if (errorCode(thrown) !== 'ENOENT') throw thrown;
      await rm(to, { recursive: true, force: true });
      return false;
    }
  });
}
