/** A connection of the gateway's own to a target, for one piece of work: with a grant, the gateway's credential and a deadline. */
import type { Protocol, UpstreamConnection } from '../contract/protocol.js';
import type { Grant } from '../contract/verdict.js';
import { requireGrant } from './authorize.js';
import { endSoftly } from './end-softly.js';
import { dialTarget } from './open.js';
import type { PathServices } from './path-services.js';

/** How long it may take to go when the work is done. */
const GOODBYE_MS = 1_000;

/** `limitMs`: of all of it; then the connection is cut, and the work fails. */
export async function onSideConnection<T>(
  grant: Grant,
  protocol: Protocol,
  startup: unknown,
  services: PathServices,
  limitMs: number,
  work: (connection: UpstreamConnection) => Promise<T>,
): Promise<T> {
  requireGrant(grant);
  const { target } = grant;
  const credential = await target.credential();
  const connection = await dialTarget(target, services, AbortSignal.timeout(limitMs));
  const timer = setTimeout(() => connection.stream.destroy(), limitMs);
  try {
    await protocol.connect(connection, target, credential, startup, false);
    connection.settle();
    return await work(connection);
  } finally {
    clearTimeout(timer);
    connection.finish();
    endSoftly(connection.stream, GOODBYE_MS);
  }
}
