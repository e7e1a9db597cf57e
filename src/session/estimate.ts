/**
 * What a held operation would touch, asked of its target on a connection of its own: with the session's grant and the gateway's credential,
 * within a deadline, and never by carrying it out (the island sees to that). A failure costs the reviewer a number, nobody anything else.
 */
import type { Estimate } from '../contract/approval.js';
import type { Protocol } from '../contract/protocol.js';
import type { Grant } from '../contract/verdict.js';
import { requireGrant } from './authorize.js';
import { endSoftly } from './end-softly.js';
import type { HeldOperation } from './hold.js';
import { dialTarget } from './open.js';
import type { PathServices } from './path-services.js';

const STATEMENT_MS = 2_000;
const WHOLE_MS = 5_000;

export async function estimateOperation(
  grant: Grant,
  protocol: Protocol,
  scope: string | null,
  operation: HeldOperation,
  services: PathServices,
): Promise<Estimate | null> {
  requireGrant(grant);
  if (protocol.approvals === null) return null;
  const { target } = grant;
  const credential = await target.credential();
  const connection = await dialTarget(target, services, AbortSignal.timeout(WHOLE_MS));
  const timer = setTimeout(() => connection.stream.destroy(), WHOLE_MS);
  try {
    await protocol.connect(connection, target, credential, protocol.approvals.estimateStartup(scope), false);
    return await protocol.approvals.estimate(connection, operation, STATEMENT_MS);
  } finally {
    clearTimeout(timer);
    connection.finish();
    endSoftly(connection.stream, WHOLE_MS);
  }
}
