/**
 * What a held operation would touch, asked of its target on a connection of its own: with the session's grant and the gateway's credential,
 * within a deadline, and never by carrying it out (the island sees to that). A failure costs the reviewer a number, nobody anything else.
 */
import type { Estimate } from '../contract/approval.js';
import type { Protocol } from '../contract/protocol.js';
import type { Grant } from '../contract/verdict.js';
import type { HeldOperation } from './hold.js';
import type { PathServices } from './path-services.js';
import { onSideConnection } from './side-connection.js';

const STATEMENT_MS = 2_000;
const WHOLE_MS = 5_000;

export async function estimateOperation(
  grant: Grant,
  protocol: Protocol,
  scope: string | null,
  operation: HeldOperation,
  services: PathServices,
): Promise<Estimate | null> {
  const { approvals } = protocol;
  if (approvals === null) return null;
  const startup = approvals.estimateStartup(scope);
  return onSideConnection(grant, protocol, startup, services, WHOLE_MS, (connection) => approvals.estimate(connection, operation, STATEMENT_MS));
}
